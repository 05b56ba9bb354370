// What an answer to a governed call says of its outcome, whatever the transport it came over.
import { asObject, type Message, type MessageValue, memberBytes } from './message.ts'
import type { Outcome } from './recorder.ts'

/** The JSON-RPC code with which the gateway itself answers a call whose server is gone: nobody knows whether it ran. */
export const UNKNOWN_OUTCOME_CODE = -31404

/** What a receipt takes from an answer. */
export interface AnswerOutcome {
  readonly status: Outcome['status']
  readonly resultBytes: Buffer
  readonly resultValue: unknown
  /** True where `resultValue` is a part of the result, which has too many values. */
  readonly isResultCut: boolean
}

/** The outcome of a call: of its result, or of the error in its place. */
export function outcomeOf(
  { value, shape }: Extract<Message, { kind: 'response' }>,
  bytes: Buffer,
  isCancelled: boolean,
): AnswerOutcome {
  return {
    status: statusOf(value, isCancelled),
    resultBytes: memberBytes(bytes, shape, 'result') ?? memberBytes(bytes, shape, 'error') ?? Buffer.alloc(0),
    resultValue: value.result ?? value.error ?? null,
    isResultCut: shape.isCut,
  }
}

function statusOf(value: MessageValue, isCancelled: boolean): Outcome['status'] {
  if (!('result' in value)) {
    if (asObject(value.error)?.code === UNKNOWN_OUTCOME_CODE) return 'ambiguous'
    return isCancelled ? 'cancelled' : 'protocol_error'
  }
  return asObject(value.result)?.isError === true ? 'tool_error' : 'ok'
}
