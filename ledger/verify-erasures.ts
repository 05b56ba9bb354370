// Which payloads were erased by an event. A tombstone names an `admin/erased` event; that covers it only if the list of the
// erasure holds the payload's event, and the list is the one whose digest was chained: nobody can add to it afterwards.
import { PLAN_DIGEST } from './erasure.ts'
import type { LedgerStore, PayloadRow } from './store.ts'

/** The hashes among rows that an erasure covers. Throws STORE_*. */
export type ErasureCheck = (rows: readonly Pick<PayloadRow, 'hash' | 'erased_by'>[]) => Promise<ReadonlySet<string>>

/** A check for one verification: the digest of a list, which may be long, is made once. */
export function createErasureCheck(store: LedgerStore): ErasureCheck {
  /** By the hash of the event: the erasure that it stands for, if its list is whole. */
  const known = new Map<string, string | undefined>()
  return async (rows) => {
    const covered = new Set<string>()
    for (const [erasedBy, hashes] of groupRows(rows)) {
      if (!known.has(erasedBy)) known.set(erasedBy, await findErasure(store, erasedBy))
      const erasure = known.get(erasedBy)
      if (erasure === undefined) continue
      const listed = await store.select<{ hash: string }>(
        'SELECT DISTINCT hash FROM erasures WHERE erasure = {erasure:String} AND hash IN {hashes:Array(String)}',
        { erasure, hashes },
        'verify',
      )
      for (const { hash } of listed) covered.add(hash)
    }
    return covered
  }
}

function groupRows(rows: Parameters<ErasureCheck>[0]): ReadonlyMap<string, readonly string[]> {
  const groups = new Map<string, string[]>()
  for (const { hash, erased_by } of rows)
    if (erased_by !== '') groups.set(erased_by, [...(groups.get(erased_by) ?? []), hash])
  return groups
}

async function findErasure(store: LedgerStore, event: string): Promise<string | undefined> {
  const [said] = await store.select<{ erasure: string; digest: string }>(
    `SELECT subject AS erasure, JSONExtractString(body, 'digest') AS digest FROM events
     WHERE hash = {event:String} AND type = 'admin/erased' AND outcome IN ('accepted', 'late') LIMIT 1`,
    { event },
    'verify',
  )
  if (said === undefined) return undefined
  const [listed] = await store.select<{ digest: string }>(
    `SELECT ${PLAN_DIGEST} AS digest FROM erasures WHERE erasure = {erasure:String}`,
    { erasure: said.erasure },
    'verify',
  )
  return listed?.digest === said.digest ? said.erasure : undefined
}
