// Calls of several round trips (MCP 2026-07-28, multi-round-trip requests): a server that needs more answers `input_required`,
// and the client makes the same request again with the input and the server's state. That state ties the legs of one call.
import { createHash } from 'node:crypto'
import { asObject, type Message } from './message.ts'

/** Digest of the state that a request brings back; undefined for the first leg of a call. */
export function findResumedState({ value }: Extract<Message, { kind: 'request' }>): string | undefined {
  const params = asObject(value.params)
  if (params === undefined || !('inputResponses' in params || 'requestState' in params)) return undefined
  return digestOf(params.requestState)
}

/** Digest of the state that the next leg will bring back; undefined where the result ends the call. */
export function findAwaitedState(result: unknown): string | undefined {
  const value = asObject(result)
  return value?.resultType === 'input_required' ? digestOf(value.requestState) : undefined
}

function digestOf(state: unknown): string {
  return createHash('sha256')
    .update(JSON.stringify(state) ?? '')
    .digest('hex')
}
