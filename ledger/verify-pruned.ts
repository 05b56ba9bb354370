// What verification leaves out where months were pruned: only what follows from events whose leaves lie below the first that
// stays, which their hashes prove. Everything else that is missing is a violation as before.
import type { PendingChecks } from './chain-walk.ts'
import { findPrunedLeaves } from './pruning.ts'
import type { LedgerStore, Pruned } from './store.ts'

/** Takes out of the pending checks what speaks of pruned events. Throws STORE_*. */
export async function excusePruned(store: LedgerStore, pruned: Pruned, pending: PendingChecks): Promise<void> {
  if (pruned.minIndex === 0) return
  const { events, gaps, orphans, receipts } = pending
  const verdictOf = ({ event }: (typeof events)[number]): string =>
    event.type === 'authorization/decide' ? (event.verdict ?? '') : ''
  const hashes = new Set([
    ...events.flatMap((each) => [each.row.hash, verdictOf(each)]),
    ...gaps.map(({ previous }) => previous),
    ...orphans.map(({ hash }) => hash),
    ...receipts.map(({ parent }) => parent),
  ])
  hashes.delete('')
  const gone = await findPrunedLeaves(store, pruned, [...hashes])
  // What stayed of a pruned month stands without what it spoke of.
  pending.events = events.filter((each) => !gone.has(each.row.hash) && !gone.has(verdictOf(each)))
  pending.gaps = gaps.filter(({ previous }) => !gone.has(previous))
  pending.orphans = orphans.filter(({ hash }) => !gone.has(hash))
  pending.receipts = receipts.filter(({ parent }) => !gone.has(parent))
}
