// What stands outside of a ledger: a real witness over HTTP that cosigned its checkpoint, and a reader with a trust policy
// of its own who asks for that witness's word of the last hour.
import { join } from 'node:path'
import { formatVerifierKey } from '../../ledger/note.ts'
import { sequencerDirectories } from '../../ledger/sequencer.ts'
import { SequencerFiles } from '../../ledger/sequencer-files.ts'
import { ledgerSettings } from '../../ledger/settings.ts'
import { parseTrustPolicy } from '../../ledger/trust-policy.ts'
import { verifyTrust } from '../../ledger/verify-trust.ts'
import { Cosigning } from '../../ledger/witness/cosigning.ts'
import type { SequencerBench } from '../support/sequencer-bench.ts'
import { startTestWitness, type TestWitness } from '../support/test-witness.ts'
import type { Sighting } from './attack-case.ts'
import { sightingsOf } from './sightings.ts'

const MAX_AGE_SECONDS = 3_600
/** The clock of witness and reader when the checkpoint was cosigned. */
const START_SECONDS = 1_000

/** A witness and a reader of one ledger. */
export class Outside {
  readonly #bench: SequencerBench
  readonly #witness: TestWitness
  readonly #policy: Buffer
  #nowSeconds = START_SECONDS

  private constructor(bench: SequencerBench, witness: TestWitness, policy: Buffer) {
    this.#bench = bench
    this.#witness = witness
    this.#policy = policy
  }

  /** Begins with the published checkpoint cosigned. */
  static async open(bench: SequencerBench): Promise<Outside> {
    const vkey = formatVerifierKey(await bench.logKey())
    const place = { logs: [vkey], nowSeconds: () => START_SECONDS }
    const witness = await startTestWitness(join(bench.data, 'witness'), 'witness.example/w1', place)
    const policy = Buffer.from(`log ${vkey}\nwitness w1 ${witness.vkeyText}\nquorum w1\n`)
    const outside = new Outside(bench, witness, policy)
    const { treeDirectory: tree, stateDirectory: state } = sequencerDirectories(bench.data)
    const files = new SequencerFiles({ tree, state })
    await outside.#round((await bench.reader.checkpoint())?.note ?? '', (note, isQuorum) =>
      files.publishCosigned(note, isQuorum),
    )
    return outside
  }

  /** The reader's clock, seconds. */
  get nowSeconds(): number {
    return this.#nowSeconds
  }

  /** Time goes by for the reader. */
  wait(seconds: number): void {
    this.#nowSeconds += seconds
  }

  /** Asks the witness for its cosignature, as the ledger does at every tick; changes nothing. */
  async offer(note: string): Promise<readonly Sighting[]> {
    return await this.#round(note, async () => undefined)
  }

  /** Holds the log against the reader's policy. */
  async judge(): Promise<readonly Sighting[]> {
    const { violations } = await verifyTrust({
      directory: this.#bench.tree,
      policy: parseTrustPolicy(this.#policy, 'policy'),
      kept: [],
      nowSeconds: this.#nowSeconds,
      maxAgeSeconds: MAX_AGE_SECONDS,
      acceptsUnknownAge: false,
      acceptsUnwitnessed: false,
    })
    return sightingsOf(violations)
  }

  async close(): Promise<void> {
    await this.#witness.running.stop()
  }

  async #round(
    note: string,
    publish: (note: string, isQuorum: boolean) => Promise<void>,
  ): Promise<readonly Sighting[]> {
    const { url, vkeyText: vkey } = this.#witness
    const settings = ledgerSettings.parse({ witnesses: [{ url, vkey }] })
    const cosigning = new Cosigning({ settings, reader: this.#bench.reader, publish, nowMs: () => 0 })
    cosigning.offer(note)
    await cosigning.round()
    return cosigning.status.witnesses.flatMap(({ problem, isConflict }) => {
      if (problem === undefined) return []
      const [, size] = /(\d+) leaves/.exec(problem) ?? []
      return [{ class: isConflict ? 'conflict' : 'no cosignature', position: `saw ${size ?? problem} leaves` }]
    })
  }
}
