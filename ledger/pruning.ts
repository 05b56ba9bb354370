// Retention by month: whole months of events, payloads and quarantined bytes go, oldest first; the hashes of the Merkle log, its
// checkpoints and the index of leaves stay, so that every proof still holds. `admin/pruned` is chained before any row goes.
import { hashBody } from '../events/chain.ts'
import { ToolwardenError } from '../events/errors.ts'
import { parseEvent } from '../events/event.ts'
import { parseTime } from '../events/time.ts'
import { equalCondition } from './erasure.ts'
import { STANDING } from './history-filter.ts'
import type { LegalHold } from './legal-hold.ts'
import { pruneConditions } from './pruned-rows.ts'
import type { LedgerStore, Pruned } from './store.ts'
import { removeEntryBundles } from './tree-pruning.ts'

/** Among how many of the first rows that stay the lowest leaf is looked for: late rows of a second consumer may be before it. */
const FIRST_ROWS = 10_000
/** How many `admin/pruned` events are looked at, the farthest first: those that were edited count for nothing. */
const MAX_EVENTS = 100
const HOLDS_A_QUERY = 50

/** Nothing was pruned. */
const NOTHING_PRUNED: Pruned = { beforeMicros: 0, minIndex: 0 }

/** How far the ledger was pruned, by its events. An event that was edited in the store counts for nothing. Throws STORE_*. */
export async function findPruned(store: LedgerStore): Promise<Pruned> {
  const rows = await store.select<{ hash: string; body: string }>(
    `SELECT hash, body FROM events WHERE type = 'admin/pruned' AND ${STANDING}
     ORDER BY range_to DESC LIMIT 1 BY hash LIMIT ${MAX_EVENTS}`,
  )
  const said = rows.flatMap((row) => readPruned(Buffer.from(row.body, 'utf8')).filter(({ hash }) => hash === row.hash))
  const [farthest] = said.toSorted((left, right) => right.minIndex - left.minIndex)
  return farthest === undefined ? NOTHING_PRUNED : { beforeMicros: farthest.beforeMicros, minIndex: farthest.minIndex }
}

/** Which of these hashes are leaves below the first that stays. Throws STORE_*. */
export async function findPrunedLeaves(
  store: LedgerStore,
  { minIndex }: Pruned,
  hashes: readonly string[],
): Promise<ReadonlySet<string>> {
  const found = new Set<string>()
  for (let from = 0; minIndex > 0 && from < hashes.length; from += 250) {
    const rows = await store.select<{ hash: string }>(
      'SELECT DISTINCT hash FROM leaves WHERE hash IN {hashes:Array(String)} AND position < {minIndex:UInt64}',
      { hashes: hashes.slice(from, from + 250), minIndex },
      'verify',
    )
    for (const { hash } of rows) found.add(hash)
  }
  return found
}

/** What a prune would take. */
export interface PrunePreview extends Pruned {
  readonly events: number
  readonly payloads: number
  readonly quarantined: number
  /** The holds that forbid it, with how many events each. */
  readonly held: readonly { readonly hold: LegalHold; readonly events: number }[]
}

/** Where a test can end a prune: before the rows of a table (`events`, `payloads`, `quarantine`), before each bundle. */
export type PruneFault = (step: string) => Promise<void> | void

/** The prunes of one ledger. All methods fail with STORE_UNAVAILABLE or STORE_INVALID. */
export class Prunings {
  readonly #store: LedgerStore
  readonly #treeDirectory: string
  readonly #fault: PruneFault | undefined

  constructor(store: LedgerStore, treeDirectory: string, fault?: PruneFault) {
    this.#store = store
    this.#treeDirectory = treeDirectory
    this.#fault = fault
  }

  /** Counts what would go of what was stored before a moment, and what holds forbid it. */
  async preview(beforeMicros: number, holds: readonly LegalHold[]): Promise<PrunePreview> {
    const pruned = { beforeMicros, minIndex: await this.#findMinIndex(beforeMicros) }
    const { events = '0', payloads = '0', quarantine = '0' } = pruneConditions(pruned)
    const count = async (table: string, condition: string): Promise<number> => {
      const sql = `SELECT count() AS rows FROM ${table} WHERE ${condition}`
      return (await this.#store.select<{ rows: number }>(sql, {}, 'verify'))[0]?.rows ?? 0
    }
    // Payloads and quarantined bytes follow their events, which are still there.
    const going = `SELECT topic, partition, offset FROM events WHERE ${events}`
    return {
      ...pruned,
      events: await count('events', events),
      payloads: await count('payloads', `(${payloads}) OR (topic, partition, offset) IN (${going})`),
      quarantined: await count('quarantine', `(${quarantine}) OR (topic, partition, offset) IN (${going})`),
      held: await this.#held(beforeMicros, holds),
    }
  }

  /** Whether an event is stored. */
  async isRecorded(event: string): Promise<boolean> {
    const sql = `SELECT 1 FROM events WHERE hash = {event:String} AND ${STANDING} LIMIT 1`
    return (await this.#store.select(sql, { event })).length > 0
  }

  /** Carries out what was recorded: the rows go, and the bundles of entries that hold nothing else. Idempotent. */
  async carryOut(): Promise<void> {
    const pruned = await findPruned(this.#store)
    if (pruned.minIndex === 0) return
    await this.#store.prune(pruned, this.#fault)
    await removeEntryBundles(this.#treeDirectory, pruned.minIndex, this.#fault)
  }

  /** The first leaf that stays; 0 where nothing is stored since, or nothing of it is a leaf yet: then nothing goes. */
  async #findMinIndex(beforeMicros: number): Promise<number> {
    const [found] = await this.#store.select<{ position: number }>(
      `SELECT min(position) AS position FROM leaves WHERE hash IN (
         SELECT hash FROM events WHERE ${STANDING} AND ingested_at >= fromUnixTimestamp64Micro({before:Int64})
         ORDER BY ingested_at LIMIT ${FIRST_ROWS})`,
      { before: beforeMicros },
      'verify',
    )
    return found?.position ?? 0
  }

  async #held(beforeMicros: number, holds: readonly LegalHold[]): Promise<PrunePreview['held']> {
    const found: { hold: LegalHold; events: number }[] = []
    for (let from = 0; from < holds.length; from += HOLDS_A_QUERY) {
      const some = holds.slice(from, from + HOLDS_A_QUERY)
      const each = some.map((hold, index) => equalCondition(hold, `h${index}_`))
      const [counted] = await this.#store.select<{ counts: readonly number[] }>(
        `SELECT [${each.map(({ sql }) => `uniqExactIf(hash, ${sql})`).join(', ')}] AS counts FROM events
         WHERE ${STANDING} AND ingested_at < fromUnixTimestamp64Micro({before:Int64})
           AND type NOT IN ('admin/held', 'admin/released')`,
        Object.assign({ before: beforeMicros }, ...each.map(({ parameters }) => parameters)),
        'verify',
      )
      for (const [index, hold] of some.entries()) {
        const events = counted?.counts[index] ?? 0
        if (events > 0) found.push({ hold, events })
      }
    }
    return found
  }
}

const TYPE = '"type":"admin/pruned"'

/** What a body says of a prune, with its hash; nothing where it says none. */
export function readPruned(body: Buffer): readonly (Pruned & { readonly hash: string })[] {
  if (!body.includes(TYPE)) return []
  try {
    const event = parseEvent(body)
    if (event.type !== 'admin/pruned') return []
    return [{ hash: hashBody(body), beforeMicros: parseTime(event.before), minIndex: event.minIndex }]
  } catch (error) {
    if (error instanceof ToolwardenError) return []
    throw error
  }
}
