// The client that waits for a call which waits for a person: how it takes the call back, and how it is kept waiting.
// Progress (MCP 2025-11-25, utilities/progress) must increase strictly, and the server's own begins at 0 or above, so that
// what the gateway says stays below: −1, −1/2, −1/3 … (docs/design/007-progress-of-a-held-call.md).
import { asObject, MAX_ID_LENGTH, type Message } from './message.ts'
import type { Withdrawal } from './withdrawal.ts'

/** Who waits for a call. */
export interface Waiter {
  readonly withdrawal: Withdrawal
  /** Size of the message that is kept meanwhile, bytes. */
  readonly bytes: number
  /** Says that the call still waits, the first time with count 1; absent where the client asked for no progress. */
  readonly progress?: (count: number, text: string) => void
}

/** The waiter of a request; `send` takes one message for the client as text. */
export function createWaiter(
  message: Extract<Message, { kind: 'request' }>,
  waiting: Pick<Waiter, 'withdrawal' | 'bytes'> & { readonly send: (text: string) => void },
): Waiter {
  const { send, ...waiter } = waiting
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
  return { ...waiter, progress }
}

/** A token that can be said again without changing it: a number above 2^53 could not. */
function findProgressToken({ value }: Extract<Message, { kind: 'request' }>): string | number | undefined {
  const token = asObject(asObject(value.params)?._meta)?.progressToken
  if (typeof token === 'string') return token.length <= MAX_ID_LENGTH ? token : undefined
  return typeof token === 'number' && Number.isSafeInteger(token) ? token : undefined
}
