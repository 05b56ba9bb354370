// What is recorded is in the log at once and in the ledger a moment later: some requests answer only then.
import { ToolwardenError } from '../events/errors.ts'

/** How long a request waits for the ledger. */
const STORED_DEADLINE_MS = 10_000
const STORED_POLL_MS = 50

/** Asks until there is an answer. Throws STORE_UNAVAILABLE, with what to do meanwhile, where none comes in 10 s. */
export async function untilStored<Found>(find: () => Promise<Found | undefined>, meanwhile: string): Promise<Found> {
  const deadline = performance.now() + STORED_DEADLINE_MS
  for (;;) {
    const found = await find()
    if (found !== undefined) return found
    if (performance.now() > deadline)
      throw new ToolwardenError('STORE_UNAVAILABLE', 'it is recorded, and the ledger has not stored it yet', {
        fix: `Look at /readyz. ${meanwhile}`,
        retriable: true,
      })
    await new Promise((resolve) => setTimeout(resolve, STORED_POLL_MS))
  }
}
