// What the store knows of the chains in a batch, fetched before the batch is judged: verification itself does no I/O.

import { MAX_BODY_BYTES } from '../events/canonical.ts'
import type { ChainHead } from '../events/chain.ts'
import type { Verified } from '../events/chain-verifier.ts'
import type { LogRecord } from '../events/log.ts'
import type { LedgerStore } from './store.ts'

const CHAIN = /^(?:gateway|detectors|api|ledger)\/[A-Za-z0-9][A-Za-z0-9._@-]{0,63}\/[0-9a-f-]{36}$/
const SEQUENCE = /"sequence":(\d{1,16})/g

/** Heads and hashes for one round of batches; grows with the verdicts of the batches before. */
export class KnownChains {
  readonly #heads: Map<string, ChainHead>
  readonly #hashes: Map<string, string>

  private constructor(heads: ReadonlyMap<string, ChainHead>, hashes: Map<string, string>) {
    this.#heads = new Map(heads)
    this.#hashes = hashes
  }

  /**
   * Asks the store for all that judging these records can need. `before` is what the round before has learned, where its
   * rows may not be stored yet; every earlier one is.
   */
  static async fetch(
    store: Pick<LedgerStore, 'findHeads' | 'findHashes'>,
    records: readonly LogRecord[],
    before?: KnownChains,
  ): Promise<KnownChains> {
    const wanted = wantedSequences(records)
    const lowest = [...wanted].map(([chain, sequences]) => [chain, Math.min(...sequences, Infinity)] as const)
    const heads = new Map(
      await store.findHeads(new Map(lowest.map(([chain, from]) => [chain, Number.isFinite(from) ? from : 1]))),
    )
    for (const chain of wanted.keys()) {
      const head = before?.headOf(chain)
      if (head !== undefined && head.sequence > (heads.get(chain)?.sequence ?? 0)) heads.set(chain, head)
    }
    const hashes = new Map<string, string>()
    for (const [chain, sequences] of wanted) {
      const head = heads.get(chain)?.sequence ?? 0
      // Above the head nothing is stored: the usual case asks for nothing more.
      const old = [...sequences].filter((sequence) => sequence <= head)
      const needed = [...new Set(old.flatMap((sequence) => [sequence - 1, sequence]))]
      if (needed.length === 0) continue
      for (const [sequence, hash] of await store.findHashes(chain, needed)) hashes.set(`${chain}#${sequence}`, hash)
      for (const sequence of needed) {
        const hash = before?.hashAt(chain, sequence)
        if (hash !== undefined) hashes.set(`${chain}#${sequence}`, hash)
      }
    }
    return new KnownChains(heads, hashes)
  }

  headOf = (chain: string): ChainHead | undefined => this.#heads.get(chain)

  hashAt = (chain: string, sequence: number): string | undefined => this.#hashes.get(`${chain}#${sequence}`)

  /** Takes in what a batch moved. */
  learn({ heads, verdicts }: Verified): void {
    for (const [chain, head] of heads) this.#heads.set(chain, head)
    for (const verdict of verdicts)
      if (verdict.outcome === 'accepted' || verdict.outcome === 'late')
        this.#hashes.set(`${verdict.chain}#${verdict.event.sequence}`, verdict.hash)
  }
}

/**
 * Every number that stands after "sequence" in a record's body: its own, and that of a run it mentions. In canonical JSON
 * quotes inside a text are escaped, so no text can hide it; too many numbers only cost a look-up.
 */
function wantedSequences(records: readonly LogRecord[]): ReadonlyMap<string, ReadonlySet<number>> {
  const wanted = new Map<string, Set<number>>()
  for (const { key, value } of records) {
    if (!CHAIN.test(key) || value.byteLength > MAX_BODY_BYTES) continue
    const sequences = wanted.get(key) ?? new Set<number>()
    const text = Buffer.from(value.buffer, value.byteOffset, value.byteLength).toString('latin1')
    for (const [, digits] of text.matchAll(SEQUENCE)) {
      const sequence = Number(digits)
      if (Number.isSafeInteger(sequence)) sequences.add(sequence)
    }
    wanted.set(key, sequences)
  }
  return wanted
}
