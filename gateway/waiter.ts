// The client that waits for a call which waits for a person: how it takes the call back, and how it is kept waiting.
// Progress (MCP 2025-11-25, utilities/progress) must increase strictly, and the server's own begins at 0 or above, so that
// what the gateway says stays below: −1, −1/2, −1/3 … (docs/design/007-progress-of-a-held-call.md).
import { randomUUID } from 'node:crypto'
import { type Connection, isModern } from './connection.ts'
import type { UserVerdict } from './elicitations.ts'
import { asObject, MAX_ID_LENGTH, type Message } from './message.ts'
import type { Withdrawal } from './withdrawal.ts'

/** Who waits for a call. */
export interface Waiter {
  readonly withdrawal: Withdrawal
  /** Size of the message that is kept meanwhile, bytes. */
  readonly bytes: number
  /** Says that the call still waits, the first time with count 1; absent where the client asked for no progress. */
  readonly progress?: (count: number, text: string) => void
  /** Asks the user at the client; absent where the client can't. Resolves undefined where there is no answer. */
  readonly elicit?: (question: string, over: AbortSignal) => Promise<UserVerdict | undefined>
}

/** What a waiter speaks to its client by. */
interface WaiterMeans {
  readonly connection: Pick<Connection, 'elicitations' | 'takesForms'>
  /** Takes one message for the client as text. */
  readonly send: (text: string) => void
}

/** The waiter of a request. */
export function createWaiter(
  message: Extract<Message, { kind: 'request' }>,
  { connection, send, ...means }: Pick<Waiter, 'withdrawal' | 'bytes'> & WaiterMeans,
): Waiter {
  const elicit = (text: string, over: AbortSignal): Promise<UserVerdict | undefined> =>
    connection.elicitations.ask({ id: `toolwarden-${randomUUID()}`, text, send, over })
  const waiter = connection.takesForms && !isModern(message) ? { elicit, ...means } : means
  const progressToken = findProgressToken(message)
  if (progressToken === undefined) return waiter
  const progress = (count: number, text: string): void =>
    send(
      JSON.stringify({
        jsonrpc: '2.0',
        method: 'notifications/progress',
        params: { progressToken, progress: -1 / count, message: text },
      }),
    )
  return { progress, ...waiter }
}

/** A token that can be said again without changing it: a number above 2^53 could not. */
function findProgressToken({ value }: Extract<Message, { kind: 'request' }>): string | number | undefined {
  const token = asObject(asObject(value.params)?._meta)?.progressToken
  if (typeof token === 'string') return token.length <= MAX_ID_LENGTH ? token : undefined
  return typeof token === 'number' && Number.isSafeInteger(token) ? token : undefined
}
