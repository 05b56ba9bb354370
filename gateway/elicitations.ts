// Questions of the gateway itself to the user at one client (MCP 2025-06-18 and 2025-11-25, client/elicitation, form mode): sent
// under ids that no server knows, and their answers taken out of what the client says, so that no server sees them either.
import { asObject, type Message, type RequestId } from './message.ts'

/** What the user answered: `decline` denies, `cancel` is no answer. */
export type UserVerdict = 'approve' | 'deny'

/** One question. */
export interface Elicitation {
  /** Of the request; nobody but the client may be able to guess it. */
  readonly id: string
  readonly text: string
  /** Takes one message for the client as text. */
  readonly send: (text: string) => void
  /** Aborted when nobody needs the answer any more. */
  readonly over: AbortSignal
}

/** The most questions of one connection whose late answers are still known as its own. */
const MAX_ASKED = 1_000
/** The first revision that has elicitation, and the one that asks in another way (multi round trip). */
const FIRST_VERSION = '2025-06-18'
const END_VERSION = '2026-07-28'
/** `deny` stands first: some clients preselect the first choice. */
const REQUESTED_SCHEMA = {
  type: 'object',
  properties: { decision: { type: 'string', title: 'Decision', enum: ['deny', 'approve'] } },
  required: ['decision'],
}

/** Whether a client of a connection said that it can put a form before its user. */
export function takesForms(capabilities: unknown, protocolVersion: unknown): boolean {
  const elicitation = asObject(asObject(capabilities)?.elicitation)
  if (elicitation === undefined || typeof protocolVersion !== 'string') return false
  const isOfEra = protocolVersion >= FIRST_VERSION && protocolVersion < END_VERSION
  return isOfEra && ('form' in elicitation || Object.keys(elicitation).length === 0)
}

/** The questions of one connection. */
export class Elicitations {
  /** By id, until they are answered or over. */
  readonly #open = new Map<string, (verdict: UserVerdict | undefined) => void>()
  /** Ids of all questions, the oldest first. */
  readonly #asked = new Set<string>()

  /** Resolves with the user's answer; undefined where there is none. */
  ask({ id, text, send, over }: Elicitation): Promise<UserVerdict | undefined> {
    if (over.aborted) return Promise.resolve(undefined)
    const oldest = this.#asked.size < MAX_ASKED ? undefined : this.#asked.values().next().value
    if (oldest !== undefined) this.#asked.delete(oldest)
    this.#asked.add(id)
    return new Promise((resolve) => {
      const onOver = (): void => {
        send(JSON.stringify(cancelled(id)))
        finish(undefined)
      }
      const finish = (verdict: UserVerdict | undefined): void => {
        this.#open.delete(id)
        over.removeEventListener('abort', onOver)
        resolve(verdict)
      }
      this.#open.set(id, finish)
      over.addEventListener('abort', onOver, { once: true })
      send(JSON.stringify(requestOf(id, text)))
    })
  }

  /** True where a client's message answers a question of the gateway: it is taken, and must not reach the server. */
  take({ id, value }: Extract<Message, { kind: 'response' }>): boolean {
    if (!this.isOwn(id)) return false
    if (typeof id === 'string') this.#open.get(id)?.(readVerdict(value.result))
    return true
  }

  /** Whether an id is one of the gateway's: a server that uses it would have the user's answer taken for another one's. */
  isOwn(id: RequestId): boolean {
    return typeof id === 'string' && this.#asked.has(id)
  }
}

/** What is not one of the two words is no answer: an approver may still give one. */
function readVerdict(result: unknown): UserVerdict | undefined {
  const { action, content } = asObject(result) ?? {}
  if (action === 'decline') return 'deny'
  const decision = action === 'accept' ? asObject(content)?.decision : undefined
  return decision === 'approve' || decision === 'deny' ? decision : undefined
}

function requestOf(id: string, message: string): object {
  return { jsonrpc: '2.0', id, method: 'elicitation/create', params: { message, requestedSchema: REQUESTED_SCHEMA } }
}

function cancelled(requestId: string): object {
  const reason = 'the question is answered or over'
  return { jsonrpc: '2.0', method: 'notifications/cancelled', params: { requestId, reason } }
}
