// What a refusal looks like on the wire (gateway.md): a tool result with `isError: true`, which the model reads, or a
// JSON-RPC error where a result would not do. Nothing secret in the text.
import type { Admission } from './call-gate.ts'
import { isModern } from './connection.ts'
import { asObject, type Message, type RequestId } from './message.ts'

/** The JSON-RPC code of a refused request that has no tool result; outside the reserved ranges. */
export const REFUSED_CODE = -31403

/** How the refused request was made. */
export interface RefusedRequest {
  readonly id: RequestId
  /** True where only an error can be the answer: a task-augmented call, and whatever is no tool call. */
  readonly takesError: boolean
  /** True for protocol 2026-07-28, whose results say `resultType`. */
  readonly isModern: boolean
}

type Refused = Extract<Admission, { type: 'refuse' }>['decision']

/** What of a request its refusal depends on. */
export function describeRefused(message: Extract<Message, { kind: 'request' }>): RefusedRequest {
  const isTask = asObject(message.value.params)?.task !== undefined
  return { id: message.id, takesError: isTask || message.method !== 'tools/call', isModern: isModern(message) }
}

/** The answer to a refused request. */
export function refusalMessage(
  request: RefusedRequest,
  { call, decision }: Extract<Admission, { type: 'refuse' }>,
): string {
  const rule =
    decision.adaptiveRule === undefined
      ? (decision.rule ?? decision.reason)
      : `adaptive-${decision.adaptiveRule.slice(0, 12)}`
  const text = `${sentenceOf(decision, rule)}. Call ${call}.`
  if (request.takesError)
    return JSON.stringify({
      jsonrpc: '2.0',
      id: request.id,
      error: { code: REFUSED_CODE, message: text, data: { rule, call, ...approvalOf(decision) } },
    })
  const result = {
    content: [{ type: 'text', text }],
    isError: true,
    ...(request.isModern ? { resultType: 'complete' } : {}),
  }
  return JSON.stringify({ jsonrpc: '2.0', id: request.id, result })
}

function sentenceOf({ decision, reason, text, approval }: Refused, rule: string): string {
  if (reason === 'approval_pending')
    return `Approval pending (id ${approval}): call again with the same arguments; ${text}`
  return `${decision === 'escalate' ? 'Needs approval' : 'Blocked'} by policy ${rule}: ${text}`
}

function approvalOf({ reason, approval }: Refused): { readonly approval?: string } {
  return reason === 'approval_pending' && approval !== undefined ? { approval } : {}
}

/** The answer to a message that could not be read in one way only; `id` is null where none could be read. */
export function errorMessage(id: RequestId | undefined, code: number, message: string): string {
  return JSON.stringify({ jsonrpc: '2.0', id: id ?? null, error: { code, message } })
}
