// Reads the body of a request within its limit; the bodies in hand share a budget.
import type { IncomingMessage } from 'node:http'
import { systemCode } from '../../events/errors.ts'

/** Counts bytes that are in hand, over all exchanges. */
export class ByteBudget {
  readonly #limit: number
  #bytes = 0

  constructor(limit: number) {
    this.#limit = limit
  }

  /** False where there is no room; then nothing was taken. */
  take(bytes: number): boolean {
    if (this.#bytes + bytes > this.#limit) return false
    this.#bytes += bytes
    return true
  }

  give(bytes: number): void {
    this.#bytes -= bytes
  }
}

/** A body, or why there is none; `bytes` is what the budget gets back once the exchange is over. */
export type ReadBody =
  | { readonly type: 'whole'; readonly body: Buffer; readonly bytes: number }
  | { readonly type: 'oversize' | 'no-room' | 'cut'; readonly bytes: number }

/** Reads to the end or the limit, whichever comes first. */
export async function readBody(request: IncomingMessage, limitBytes: number, budget: ByteBudget): Promise<ReadBody> {
  const chunks: Buffer[] = []
  let bytes = 0
  if (Number(request.headers['content-length'] ?? 0) > limitBytes) return { type: 'oversize', bytes }
  try {
    for await (const chunk of request as AsyncIterable<Buffer>) {
      if (bytes + chunk.length > limitBytes) return { type: 'oversize', bytes }
      if (!budget.take(chunk.length)) return { type: 'no-room', bytes }
      bytes += chunk.length
      chunks.push(chunk)
    }
  } catch (error) {
    // The client is gone, or its time is over: what it sent is no request.
    if (systemCode(error) === undefined) throw error
    return { type: 'cut', bytes }
  }
  return { type: 'whole', body: Buffer.concat(chunks), bytes }
}
