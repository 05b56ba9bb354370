// A log of 100,000 events, checked by programs that are not ours: Tessera's fsck reads all of it, Go's note and tlog
// packages verify a checkpoint and proofs. Each refuses what was damaged. Needs Go; says so where there is none.
import assert from 'node:assert/strict'
import { readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { after, before, describe, it } from 'node:test'
import { verifyTlogProof } from '../../ledger/tlog-proof.ts'
import { TreeProofs } from '../../ledger/tree-proofs.ts'
import { buildGoTools, goProblem, runFsck, runNoteCheck } from '../support/go-tools.ts'
import { asStored, storeRecords } from '../support/ledger-harness.ts'
import { buildRun } from '../support/run-builder.ts'
import { SequencerBench } from '../support/sequencer-bench.ts'

const WANTED_EVENTS = 100_000
const RUNS = 10
const BATCH = 1_000
const skip = goProblem() ?? false

describe('a log of 100,000 events', { skip }, () => {
  let bench: SequencerBench
  let keyFile: string
  let size: number
  let sequencedMs: number
  before(async () => {
    await buildGoTools()
    bench = await SequencerBench.open()
    await bench.begin()
    for (let seed = 1; seed <= RUNS; seed++) await storeLongRun(bench, seed)
    const sequencer = await bench.sequencer()
    const started = performance.now()
    await sequencer.sequence()
    sequencedMs = performance.now() - started
    await sequencer.stop()
    size = sequencer.status.size
    keyFile = join(bench.data, 'log.vkey')
  })
  after(() => bench.close())

  it('has them all', async (context) => {
    context.diagnostic(`${size} leaves sequenced in ${Math.round(sequencedMs)} ms`)
    assert.ok(size >= WANTED_EVENTS, `${size}`)
    assert.equal(size, await bench.countEvents())
  })

  it("is accepted by Tessera's fsck", async () => {
    const { succeeded, output } = await runFsck(bench.tree, keyFile, 120_000)
    assert.ok(succeeded, output.slice(-2_000))
  })

  it("has a checkpoint and proofs that Go's packages verify", async () => {
    const proofs = new TreeProofs(bench.store, bench.tree)
    const log = await bench.logKey()
    for (const index of [0, 255, 65_536, size - 1]) {
      const leaf = (await bench.reader.leaf(index, size)).toString('hex')
      const text = await proofs.inclusion(leaf)
      const proofFile = join(bench.data, 'event.tlog-proof')
      writeFileSync(proofFile, text)
      const { output } = await runNoteCheck(keyFile, proofFile, leaf)
      assert.equal(output, `verified test ${size} ${index}\n`)
      assert.equal(verifyTlogProof(text, leaf, { log }).index, index)
    }
  })

  it("has no checkpoint or proof for Go's packages, when a byte of it was changed", async () => {
    const leaf = (await bench.reader.leaf(7, size)).toString('hex')
    const text = await new TreeProofs(bench.store, bench.tree).inclusion(leaf)
    const proofFile = join(bench.data, 'damaged.tlog-proof')
    for (const damaged of [text.replace(`\n${size}\n`, `\n${size + 1}\n`), text.replace('index 7', 'index 8')]) {
      writeFileSync(proofFile, damaged)
      assert.equal((await runNoteCheck(keyFile, proofFile, leaf)).succeeded, false)
    }
  })

  for (const [what, path] of [
    ['an entry', 'tile/entries/100'],
    ['a leaf hash', 'tile/0/200'],
    ['a node', 'tile/1/000'],
  ] as const) {
    it(`is refused by Tessera's fsck, when one byte of ${what} was changed`, async () => {
      const file = join(bench.tree, path)
      const bytes = readFileSync(file)
      const damaged = Buffer.from(bytes)
      damaged[2_000] = (damaged[2_000] ?? 0) ^ 1
      writeFileSync(file, damaged)
      const { succeeded } = await runFsck(bench.tree, keyFile, 10_000)
      writeFileSync(file, bytes)
      assert.equal(succeeded, false)
    })
  }
})

async function storeLongRun(bench: SequencerBench, seed: number): Promise<void> {
  const { records } = buildRun({ seed, key: bench.keys.gateway }, Math.ceil(WANTED_EVENTS / RUNS / 3))
  const stored = asStored(records)
  const batches = Array.from({ length: Math.ceil(stored.length / BATCH) }, (_, at) =>
    stored.slice(at * BATCH, (at + 1) * BATCH),
  )
  await storeRecords(bench.store, bench.keys, batches)
}
