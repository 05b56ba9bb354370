// The ledger's own rows, from what it published of them: its statements about all others are among them, so they come first.
import { type Verdict, verifyRecords } from '../../events/chain-verifier.ts'
import type { StoredRecord } from '../../events/log.ts'
import { encodeSignature } from '../../events/record.ts'
import { parseTime } from '../../events/time.ts'
import type { Trust } from '../../events/trust.ts'
import { eventColumns } from '../event-columns.ts'
import { findPrunedLeaves } from '../pruning.ts'
import type { EventRow, LedgerStore, Pruned, Timed } from '../store.ts'
import { compareEvents, keepTime } from './damage.ts'
import { groupRows } from './group-rows.ts'
import type { Mender } from './mender.ts'
import { findEventRows, findLeaves, findReadBack } from './stored-rows.ts'

const OWN_WRITERS = 'ledger/'

/** What is repaired with. */
export interface OwnRowsOptions {
  readonly store: LedgerStore
  readonly log: string
  /** Keys that were revoked since still count for what became a leaf before. */
  readonly trust: Trust
  /** The same, as far as keys still count. */
  readonly standing: Trust
  readonly mender: Mender
  /** What is gone by an event of the ledger is not put back. */
  readonly pruned: Pruned
}

interface Read {
  readonly record: StoredRecord
  readonly verdict: Exclude<Verdict, { outcome: 'quarantined' | 'fork' }>
}

/** Takes the log batch by batch. */
export class OwnRowsRepair {
  readonly #options: OwnRowsOptions
  readonly #known = new Set<string>()

  constructor(options: OwnRowsOptions) {
    this.#options = options
  }

  /** Own events that are proven by their signature, and not by the Merkle log yet: those of a crash's last second. */
  get known(): ReadonlySet<string> {
    return this.#known
  }

  /** Repairs the rows of own events among records. Throws STORE_*. */
  async take(records: readonly StoredRecord[]): Promise<void> {
    const own = records.filter(({ key }) => key.startsWith(OWN_WRITERS))
    if (own.length === 0) return
    const { store, mender } = this.#options
    const expected = (await this.#believed(own)).map(ownRow)
    const events = []
    for (const [partition, rows] of groupRows(expected, (row) => row.partition)) {
      const offsets = rows.map(({ offset }) => offset)
      const stretch = { partition, from: Math.min(...offsets), to: Math.max(...offsets) }
      events.push(...compareEvents(rows, await findEventRows(store, 'own', stretch)))
    }
    // What another ledger's process wrote came by the log alone: its row stands there.
    const readBack = await findReadBack(
      store,
      events.flatMap(({ found, expected: row }) => (found.length === 0 && row !== undefined ? [row.hash] : [])),
    )
    const damaged = events.filter(({ found, expected: row }) => found.length > 0 || !readBack.has(row?.hash ?? ''))
    await mender.mend({ events: damaged.map(keepTime), payloads: [], quarantine: [] })
  }

  async #believed(records: readonly StoredRecord[]): Promise<readonly Read[]> {
    const { store, log, trust, standing, pruned } = this.#options
    const all = judge(records, log, trust)
    const gone = await findPrunedLeaves(store, pruned, all.map(hashOf))
    const read = all.filter((each) => !gone.has(hashOf(each)))
    const leaves = await findLeaves(store, read.map(hashOf))
    if (read.every((each) => leaves.has(hashOf(each)))) return read
    const signed = new Set(judge(records, log, standing).map(hashOf))
    for (const hash of signed) if (!leaves.has(hash) && !gone.has(hash)) this.#known.add(hash)
    return read.filter((each) => leaves.has(hashOf(each)) || signed.has(hashOf(each)))
  }
}

function judge(records: readonly StoredRecord[], log: string, trust: Trust): readonly Read[] {
  const context = { log, trust, headOf: () => undefined, hashAt: () => undefined }
  const { verdicts } = verifyRecords(records, context)
  return verdicts.flatMap((verdict, at) => {
    const record = records[at]
    const isRead = verdict.outcome !== 'quarantined' && verdict.outcome !== 'fork'
    return isRead && record !== undefined ? [{ record, verdict }] : []
  })
}

function hashOf({ verdict }: Read): string {
  return verdict.hash
}

function ownRow({ record, verdict }: Read): Timed<EventRow> {
  const { event, chain, hash, headers } = verdict
  const micros = parseTime(event.time)
  return {
    ...eventColumns(event),
    topic: 'own',
    partition: chain,
    offset: event.sequence,
    log_time: Math.floor(micros / 1000),
    outcome: 'accepted',
    reason: '',
    after_gap: 0,
    attachments: '',
    body: Buffer.from(record.value).toString('utf8'),
    hash,
    signature: headers.signature === undefined ? '' : encodeSignature(headers.signature).toString('hex'),
    micros,
  }
}
