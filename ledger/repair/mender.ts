// One step of a repair: the damaged rows are copied into quarantine, removed, and what must stand there is put in their place.
// Killed between any two of these, the next run finds places that are empty, and nothing that is lost.
import { type Clock, uuidv7 } from '../../events/time.ts'
import type { LedgerStore, QuarantineRow } from '../store.ts'
import { type Damages, isWhole } from './damage.ts'
import { evidenceOf, evidenceRows, type Mending, mendingOf } from './evidence.ts'

/** Where a test can end a repair. */
export type RepairStepName = 'before-evidence' | 'before-removal' | 'before-restoring' | 'before-event'
/** Called at each step; what it throws happens there. */
export type RepairFault = (step: RepairStepName) => Promise<void> | void

/** What mending works with. */
export interface MenderOptions {
  readonly store: LedgerStore
  readonly clock: Clock
  readonly repair: string
  /** Counts, and changes nothing. */
  readonly isDryRun: boolean
  readonly fault?: RepairFault | undefined
}

/** How many places were mended, or would be. */
export type MendedCounts = Readonly<Record<Mending, number>>

/** Mends what is found damaged; one step after the other. */
export class Mender {
  readonly #options: MenderOptions
  #counts: MendedCounts = { replaced: 0, restored: 0, removed: 0 }

  constructor(options: MenderOptions) {
    this.#options = options
  }

  /** What this run mended. */
  get counts(): MendedCounts {
    return this.#counts
  }

  /** Mends places; of payloads in `erased` no content is kept. Throws STORE_*. */
  async mend(damages: Damages, erased: ReadonlySet<string> = new Set()): Promise<void> {
    if (isWhole(damages)) return
    const step = this.#newStep()
    for (const damage of [...damages.events, ...damages.payloads, ...damages.quarantine]) this.#count(mendingOf(damage))
    await this.#keep(evidenceOf(damages, step, erased))
    if (this.#options.isDryRun) return
    const { store, fault } = this.#options
    await fault?.('before-removal')
    await store.removeDamaged(step.step)
    await fault?.('before-restoring')
    await store.restore({
      events: damages.events.flatMap(({ expected }) => expected ?? []),
      payloads: damages.payloads.flatMap(({ expected }) => expected ?? []),
      quarantined: damages.quarantine.flatMap(({ expected }) => expected ?? []),
    })
  }

  /** Keeps the word that the index of leaves was wrong, and where first. */
  async noteLeaves(wrong: readonly object[]): Promise<void> {
    const place = { topic: 'own', partition: 'leaves', offset: 0 } as const
    const damage = { place, key: '', chain: '', found: [{ wrong }], expected: {} }
    this.#count(mendingOf(damage))
    await this.#keep(evidenceRows('leaves', damage, this.#newStep()))
  }

  async #keep(evidence: readonly QuarantineRow[]): Promise<void> {
    const { store, clock, isDryRun, fault } = this.#options
    if (isDryRun) return
    await fault?.('before-evidence')
    await store.insert({ ingestedAtMicros: clock.nowMicros(), events: [], payloads: [], quarantined: evidence })
  }

  #count(mending: Mending): void {
    this.#counts = { ...this.#counts, [mending]: this.#counts[mending] + 1 }
  }

  #newStep(): { readonly repair: string; readonly step: string } {
    const { repair, clock } = this.#options
    return { repair, step: uuidv7(clock.nowMicros()) }
  }
}
