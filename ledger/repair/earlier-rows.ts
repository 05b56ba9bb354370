// What the store knows of chains without a partition of the log from one offset on: so that records of there are judged by
// what lay before them, as they were judged when they came.
import type { ChainHead } from '../../events/chain.ts'
import { STANDING } from '../history-filter.ts'
import type { LedgerStore, QueryParameters } from '../store.ts'

/** Where the records begin that are judged anew. */
export interface JudgedFrom {
  readonly partition: string
  readonly offset: number
}

const EARLIER = `writer = {writer:String} AND instance = {instance:String} AND ${STANDING}
  AND NOT (topic = 'events' AND partition = {partition:String} AND offset >= {before:UInt64})`
/** Sequence numbers travel in a URL. */
const SEQUENCES_A_QUERY = 500

/** The part of the store that judging asks. */
export class EarlierRows implements Pick<LedgerStore, 'findHeads' | 'findHashes'> {
  readonly #store: LedgerStore
  readonly #from: JudgedFrom

  constructor(store: LedgerStore, from: JudgedFrom) {
    this.#store = store
    this.#from = from
  }

  async findHeads(lowest: ReadonlyMap<string, number>): Promise<ReadonlyMap<string, ChainHead>> {
    const heads = new Map<string, ChainHead>()
    for (const chain of lowest.keys()) {
      const [row] = await this.#store.select<{ top: number; top_hash: string }>(
        `SELECT max(sequence) AS top, argMax(hash, sequence) AS top_hash FROM events WHERE ${EARLIER}`,
        this.#parameters(chain),
        'verify',
      )
      if (row !== undefined && row.top > 0) heads.set(chain, { sequence: row.top, hash: row.top_hash })
    }
    return heads
  }

  async findHashes(chain: string, sequences: readonly number[]): Promise<ReadonlyMap<number, string>> {
    const hashes = new Map<number, string>()
    for (let from = 0; from < sequences.length; from += SEQUENCES_A_QUERY) {
      const rows = await this.#store.select<{ sequence: number; hash: string }>(
        `SELECT DISTINCT sequence, hash FROM events
         WHERE ${EARLIER} AND sequence IN {sequences:Array(UInt64)}`,
        { ...this.#parameters(chain), sequences: sequences.slice(from, from + SEQUENCES_A_QUERY) },
        'verify',
      )
      for (const { sequence, hash } of rows) hashes.set(sequence, hash)
    }
    return hashes
  }

  #parameters(chain: string): QueryParameters {
    const end = chain.lastIndexOf('/')
    const { partition, offset } = this.#from
    return { writer: chain.slice(0, end), instance: chain.slice(end + 1), partition, before: offset }
  }
}
