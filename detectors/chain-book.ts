// What the runner has to know of the log to check records and to go on after a restart: the position in each partition,
// the head of each chain, and its newest hashes. Saved with the detectors' state, so that both speak of the same moment.
import { z } from 'zod'
import type { ChainHead } from '../events/chain.ts'
import { FORGOTTEN, type Verdict, verifyRecords } from '../events/chain-verifier.ts'
import type { StoredRecord } from '../events/log.ts'
import type { Trust } from '../events/trust.ts'

/** Newest events of each chain whose hashes are kept; what is older counts as known. */
const MAX_RECENT_EVENTS = 32
/** Chains and partitions that are kept; the least recently written go first. */
const MAX_CHAINS = 100_000

const entrySchema = z.tuple([z.number().int(), z.string()])
/** The saved form of a ChainBook. */
export const chainBookSchema = z.strictObject({
  positions: z.array(z.tuple([z.string(), z.number().int()])),
  chains: z.array(z.tuple([z.string(), z.array(entrySchema)])),
})

/** Positions and heads; changed by `verify` alone. */
export class ChainBook {
  readonly #log: string
  readonly #trust: Trust
  /** Next wanted offset by partition, the most recently read last. */
  readonly #positions: Map<string, number>
  /** Newest (sequence, hash) of each chain, ascending; the last is the head. */
  readonly #chains: Map<string, readonly (readonly [number, string])[]>

  constructor(options: {
    readonly log: string
    readonly trust: Trust
    readonly saved?: z.infer<typeof chainBookSchema>
  }) {
    this.#log = options.log
    this.#trust = options.trust
    this.#positions = new Map(options.saved?.positions)
    this.#chains = new Map(options.saved?.chains)
  }

  /** Where to go on in a partition. */
  nextOffset(partition: string): number | 'beginning' {
    return this.#positions.get(partition) ?? 'beginning'
  }

  /** Classifies a batch of one partition and takes it into account: one verdict a record, in order. */
  verify(records: readonly StoredRecord[]): readonly Verdict[] {
    const { verdicts } = verifyRecords(records, {
      log: this.#log,
      trust: this.#trust,
      headOf: (chain) => this.#headOf(chain),
      hashAt: (chain, sequence) => this.#hashAt(chain, sequence),
    })
    for (const verdict of verdicts) {
      if (verdict.outcome === 'accepted' || verdict.outcome === 'late')
        this.#note(verdict.chain, verdict.event.sequence, verdict.hash)
    }
    this.pass(records)
    return verdicts
  }

  /** Takes the position of a batch into account of which nothing is wanted. */
  pass(records: readonly StoredRecord[]): void {
    const last = records.at(-1)
    if (last !== undefined) putNewest(this.#positions, last.position.partition, last.position.offset + 1)
  }

  /** The saved form. */
  toJson(): z.infer<typeof chainBookSchema> {
    return {
      positions: [...this.#positions],
      chains: Array.from(this.#chains, ([chain, recent]) => [
        chain,
        recent.map(([sequence, hash]) => [sequence, hash]),
      ]),
    }
  }

  #headOf(chain: string): ChainHead | undefined {
    const newest = this.#chains.get(chain)?.at(-1)
    return newest === undefined ? undefined : { sequence: newest[0], hash: newest[1] }
  }

  #hashAt(chain: string, sequence: number): string | undefined {
    const recent = this.#chains.get(chain)
    const oldest = recent?.[0]?.[0]
    const found = recent?.find(([candidate]) => candidate === sequence)?.[1]
    // Before the oldest kept event nothing is known any more, except that a chain's first events are the oldest.
    const isForgotten = oldest !== undefined && sequence < oldest && recent?.length === MAX_RECENT_EVENTS
    return found ?? (isForgotten ? FORGOTTEN : undefined)
  }

  #note(chain: string, sequence: number, hash: string): void {
    const recent = [...(this.#chains.get(chain) ?? []), [sequence, hash] as const]
    if (recent.length > 1 && sequence < (recent.at(-2)?.[0] ?? 0)) recent.sort(([left], [right]) => left - right)
    putNewest(this.#chains, chain, recent.slice(-MAX_RECENT_EVENTS))
  }
}

function putNewest<Value>(map: Map<string, Value>, key: string, value: Value): void {
  map.delete(key)
  map.set(key, value)
  const oldest = map.size <= MAX_CHAINS ? undefined : map.keys().next().value
  if (oldest !== undefined) map.delete(oldest)
}
