// A ledger of two gateways' runs, its bundles, and who verifies them: for tests that export, damage and verify.
import { join } from 'node:path'
import { type BundleCheck, type BundleReport, verifyBundle } from '../../ledger/bundle/verify-bundle.ts'
import type { BundleRequest } from '../../ledger/bundle/write-bundle.ts'
import { writeBundle } from '../../ledger/bundle/write-bundle.ts'
import { cosignatureLine, formatVerifierKey, parseNote } from '../../ledger/note.ts'
import { sequencerDirectories } from '../../ledger/sequencer.ts'
import { SequencerFiles } from '../../ledger/sequencer-files.ts'
import { parseTrustPolicy } from '../../ledger/trust-policy.ts'
import { createWitnessKey, type WitnessKey } from '../../ledger/witness/witness-key.ts'
import { TEST_LOG } from './ledger-harness.ts'
import { SequencerBench } from './sequencer-bench.ts'

/** The verifier's clock, seconds. */
const NOW_SECONDS = 10_000

/** One ledger whose checkpoint a witness cosigned. */
export class BundleBench {
  readonly bench: SequencerBench
  readonly witness: WitnessKey
  policy = ''

  private constructor(bench: SequencerBench, witness: WitnessKey) {
    this.bench = bench
    this.witness = witness
  }

  /** Its own bench unless one is given, which is then emptied. */
  static async open(runs: readonly number[], given?: SequencerBench): Promise<BundleBench> {
    const bench = given ?? (await SequencerBench.open())
    await bench.begin()
    for (const calls of runs) await bench.storeRun(calls)
    const witness = await createWitnessKey(join(bench.data, 'w1'), 'witness.example/w1')
    const made = new BundleBench(bench, witness)
    await made.sequence()
    const log = formatVerifierKey(await bench.logKey())
    made.policy = `log ${log}\nwitness w1 ${formatVerifierKey(witness.verifier)}\nquorum w1\n`
    return made
  }

  /** Makes leaves of what is stored, and has the checkpoint cosigned. */
  async sequence(): Promise<void> {
    const sequencer = await this.bench.sequencer()
    await sequencer.sequence()
    await sequencer.stop()
    const directories = sequencerDirectories(this.bench.data)
    const files = new SequencerFiles({ tree: directories.treeDirectory, state: directories.stateDirectory })
    await files.publishCosigned(this.cosign((await this.bench.reader.checkpoint())?.note ?? ''), true)
  }

  /** A note with the witness's signature. */
  cosign(note: string): string {
    const { name, pair } = this.witness
    return note + cosignatureLine(parseNote(note).text, { name, key: pair, timestampSeconds: NOW_SECONDS - 10 })
  }

  /** The lines of a bundle, without newlines. */
  async export(request: Partial<BundleRequest> = {}): Promise<string[]> {
    const source = { store: this.bench.store, log: TEST_LOG, directory: this.bench.tree }
    const asked = { filter: {}, payloads: true, keptSizes: [], exportedAt: '2026-11-22T13:00:00.000000Z', by: 'user:x' }
    const { lines } = await writeBundle(source, { ...asked, ...request })
    const all: string[] = []
    for await (const line of lines) all.push(...line.trimEnd().split('\n'))
    return all
  }

  /** Verifies lines, or text as it stands. */
  async verify(bundle: readonly string[] | string, more: Partial<BundleCheck> = {}): Promise<BundleReport> {
    const text = typeof bundle === 'string' ? bundle : `${bundle.join('\n')}\n`
    return await verifyBundle({
      name: 'bundle',
      bundle: piecesOf(Buffer.from(text)),
      policy: parseTrustPolicy(Buffer.from(this.policy), 'policy'),
      writers: this.bench.keys.trust,
      kept: [],
      nowSeconds: NOW_SECONDS,
      maxAgeSeconds: 60,
      acceptsUnknownAge: false,
      acceptsUnwitnessed: false,
      ...more,
    })
  }
}

/** As a file comes: lines are cut anywhere. */
async function* piecesOf(bytes: Buffer): AsyncGenerator<Buffer> {
  for (let at = 0; at < bytes.byteLength; at += 1_000) yield bytes.subarray(at, at + 1_000)
}

/** What was found, each once. */
export function codesOf({ violations }: BundleReport): readonly string[] {
  return [...new Set(violations.map(({ code }) => code))]
}
