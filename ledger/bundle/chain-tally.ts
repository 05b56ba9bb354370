// What a bundle says of each chain: first and last sequence number, and how many events are shown or withheld. Its writer
// counts with it, and its verifier compares.
import type { BundleTotals, ChainStatement } from './bundle-format.ts'

/** Counts events by chain; memory grows with the chains, not with the events. */
export class ChainTally {
  readonly #chains = new Map<string, { first: number; last: number; events: number; withheld: number }>()

  count(chain: string, sequence: number, hasBody: boolean): void {
    const known = this.#chains.get(chain)
    const counted = known ?? { first: sequence, last: sequence, events: 0, withheld: 0 }
    if (known === undefined) this.#chains.set(chain, counted)
    counted.first = Math.min(counted.first, sequence)
    counted.last = Math.max(counted.last, sequence)
    if (hasBody) counted.events++
    else counted.withheld++
  }

  *statements(): Generator<ChainStatement> {
    for (const [chain, counted] of this.#chains) yield { chain, ...counted }
  }

  /** What stands for one chain; undefined for one that was not met. */
  statementOf(chain: string): ChainStatement | undefined {
    const counted = this.#chains.get(chain)
    return counted === undefined ? undefined : { chain, ...counted }
  }

  totals(): Pick<BundleTotals, 'events' | 'withheld' | 'chains'> {
    let events = 0
    let withheld = 0
    for (const counted of this.#chains.values()) {
      events += counted.events
      withheld += counted.withheld
    }
    return { events, withheld, chains: this.#chains.size }
  }
}
