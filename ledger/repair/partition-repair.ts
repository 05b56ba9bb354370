// The rows of each partition of the log, in the batches that the ledger announced: what the log has against what is stored.
import type { StoredRecord } from '../../events/log.ts'
import type { Trust } from '../../events/trust.ts'
import { KnownChains } from '../known-chains.ts'
import type { Revocations } from '../revocations.ts'
import type { LedgerStore, Pruned } from '../store.ts'
import { compareEvents, comparePayloads, compareQuarantined, type StretchRows } from './damage.ts'
import { EarlierRows } from './earlier-rows.ts'
import { cutSegments, judgeRepetitions, judgeSegment, type Segment } from './expected-rows.ts'
import type { Mender } from './mender.ts'
import {
  findErased,
  findEventRows,
  findPayloadRows,
  findQuarantinedRows,
  findStatements,
  type Stretch,
} from './stored-rows.ts'

/** The most records that wait for the rest of their batch: more than any batch has. */
const MAX_CARRIED = 10_000

/** What is repaired with. */
export interface PartitionRepairOptions {
  readonly store: LedgerStore
  readonly log: string
  readonly trust: Trust
  readonly mender: Mender
  readonly pruned: Pruned
  /** Own events that are proven by their signature alone. */
  readonly known: ReadonlySet<string>
  /** Asked for each batch: the first repair of a revocation changes the answer. */
  readonly findRevocations: () => Promise<Revocations>
}

/** What the log has of one partition. */
export interface LogStretch {
  readonly first: number
  last: number
}

/** Takes the log batch by batch. */
export class PartitionRepair {
  readonly #options: PartitionRepairOptions
  /** By partition: the beginning of a batch whose end has not been read. */
  readonly #carried = new Map<string, readonly StoredRecord[]>()
  readonly #read = new Map<string, LogStretch>()

  constructor(options: PartitionRepairOptions) {
    this.#options = options
  }

  /** What was read of each partition. */
  get read(): ReadonlyMap<string, Readonly<LogStretch>> {
    return this.#read
  }

  /** Repairs the rows of a batch of one partition. Throws STORE_*. */
  async take(batch: readonly StoredRecord[]): Promise<void> {
    const partition = batch[0]?.position.partition ?? ''
    const records = [...(this.#carried.get(partition) ?? []), ...batch]
    const stretch = stretchOf(partition, records)
    if (stretch === undefined) return
    this.#note(stretch)
    const { store, known, pruned } = this.#options
    const { segments, rest } = cutSegments(records, await findStatements(store, stretch, { known, pruned }))
    if (rest.length > 0 && rest.length <= MAX_CARRIED) this.#carried.set(partition, rest)
    else this.#carried.delete(partition)
    const whole = segments.flatMap((segment) => segment.records)
    const judged = stretchOf(partition, whole)
    if (judged !== undefined) await this.#compare(judged, await this.#judge(judged, { segments, whole }))
  }

  async #judge(
    { partition, from }: Stretch,
    { segments, whole }: { readonly segments: readonly Segment[]; readonly whole: readonly StoredRecord[] },
  ): Promise<Judged> {
    const { store, log, trust, findRevocations } = this.#options
    const known = await KnownChains.fetch(new EarlierRows(store, { partition, offset: from }), whole)
    const revocations = await findRevocations()
    const announced: StretchRows[] = []
    const repeated: StretchRows[] = []
    for (const segment of segments) {
      const trusts = trustsAt(segment.statement?.micros ?? 0, trust, revocations)
      const rows = judgeSegment(segment, { log, known, trusts })
      if (rows !== undefined) announced.push(rows)
      else if (segment.statement === undefined) repeated.push(judgeRepetitions(segment, { log, known, trusts }))
    }
    return { announced: joined(announced), repeated: joined(repeated) }
  }

  async #compare(stretch: Stretch, { announced, repeated }: Judged): Promise<void> {
    const { store, mender } = this.#options
    const stored = await findEventRows(store, 'events', stretch)
    const hashes = announced.payloads.map(({ hash }) => hash)
    const erased = await findErased(store, hashes)
    const payloads = announced.payloads.map((row) => ({ row, erasedBy: erased.get(row.hash) }))
    const places = new Set(announced.events.map(({ offset }) => offset))
    const quarantined = (await findQuarantinedRows(store, stretch)).filter(({ offset }) => places.has(offset))
    const watermark = (await store.findWatermark('events', stretch.partition)) ?? -1
    const isStored = ({ offset }: { readonly offset: number }): boolean => offset <= watermark
    const damages = {
      events: [...compareEvents(announced.events, stored), ...compareEvents(repeated.events.filter(isStored), stored)],
      payloads: comparePayloads(payloads, await findPayloadRows(store, hashes)),
      quarantine: compareQuarantined(announced.quarantined, quarantined),
    }
    await mender.mend(damages, new Set(erased.keys()))
  }

  #note({ partition, from, to }: Stretch): void {
    const read = this.#read.get(partition)
    if (read === undefined) this.#read.set(partition, { first: from, last: to })
    else read.last = to
  }
}

interface Judged {
  readonly announced: StretchRows
  readonly repeated: StretchRows
}

function joined(rows: readonly StretchRows[]): StretchRows {
  return {
    events: rows.flatMap(({ events }) => events),
    payloads: rows.flatMap(({ payloads }) => payloads),
    quarantined: rows.flatMap(({ quarantined }) => quarantined),
  }
}

function stretchOf(partition: string, records: readonly StoredRecord[]): Stretch | undefined {
  const [first, last] = [records[0], records.at(-1)]
  if (first === undefined || last === undefined) return undefined
  return { partition, from: first.position.offset, to: last.position.offset }
}

/** What was revoked when the ledger stored a batch; and, for a moment that can't be told apart, all and nothing. */
function trustsAt(micros: number, trust: Trust, revocations: Revocations): readonly Trust[] {
  if (revocations.size === 0) return [trust]
  return [without(trust, revocations, (at) => at < micros), without(trust, revocations, (at) => at <= micros), trust]
}

function without(trust: Trust, revocations: Revocations, isRevoked: (micros: number) => boolean): Trust {
  const copy = trust.copy()
  for (const [key, at] of revocations) if (isRevoked(at)) copy.revoke(key)
  return copy
}
