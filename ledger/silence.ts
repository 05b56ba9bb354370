// Writers that fell silent: a run beats every 10 s while it works and every 60 s when idle, and says `writer/close` at its end.
// Silence is counted in the life of the others: time passes only while some other run is heard of, by the log's own times, so a
// machine that slept, or a log that was away, makes nobody silent. No clock, no I/O.
import type { Verdict } from '../events/chain-verifier.ts'
import type { EventDraft } from '../events/event.ts'
import type { StoredRecord } from '../events/log.ts'
import { roleOf } from '../events/role.ts'
import { derivedId } from '../events/time.ts'

/** How long a run may be silent while others are heard of: three heartbeats of an idle one. */
const SILENT_MS = 180_000
/** Where nobody is heard of for longer than this, no time passes. */
const LONGEST_STEP_MS = 90_000
/** Runs that are watched; beyond it the one heard of longest ago is let go. */
const MAX_WATCHED = 10_000

interface Heard {
  /** Of the shared life, not of any clock. */
  readonly atMs: number
  readonly sequence: number
}

/** Watches the runs of one ledger; written by its ingest alone. */
export class SilenceWatch {
  /** Runs that have not ended, heard of longest ago first. */
  readonly #heard = new Map<string, Heard>()
  /** How long somebody was heard of without a pause, milliseconds; grows only. */
  #lifeMs = 0
  /** The latest time of the log. */
  #latestMs = 0

  /** Notes who is heard of in a batch. The ledger's own runs are left out: what it says is caused by the others. */
  hear(records: readonly StoredRecord[], verdicts: readonly Verdict[]): void {
    verdicts.forEach((verdict, index) => {
      const record = records[index]
      if (record === undefined || (verdict.outcome !== 'accepted' && verdict.outcome !== 'late')) return
      const { chain, event } = verdict
      if (roleOf(event.writer) === 'ledger') return
      this.#pass(record.timeMs)
      this.#heard.delete(chain)
      if (event.type !== 'writer/close') this.#heard.set(chain, { atMs: this.#lifeMs, sequence: event.sequence })
    })
    for (const chain of this.#heard.keys()) {
      if (this.#heard.size <= MAX_WATCHED) return
      this.#heard.delete(chain)
    }
  }

  /** The runs that are silent for too long, each once until it is heard of again. */
  findSilent(): readonly EventDraft[] {
    const silent = [...this.#heard].filter(([, { atMs }]) => this.#lifeMs - atMs >= SILENT_MS)
    return silent.map(([chain, { sequence }]) => {
      this.#heard.delete(chain)
      const reason = `no heartbeat and no writer/close for ${SILENT_MS / 1000} s, while others were heard of`
      const id = derivedId('ledger/silent', chain, String(sequence))
      return { type: 'ledger/silent', id, chain, from: sequence, to: sequence, reason }
    })
  }

  #pass(timeMs: number): void {
    if (this.#latestMs > 0 && timeMs > this.#latestMs && timeMs - this.#latestMs <= LONGEST_STEP_MS)
      this.#lifeMs += timeMs - this.#latestMs
    this.#latestMs = Math.max(this.#latestMs, timeMs)
  }
}
