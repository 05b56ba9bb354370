// A log over an honest store; one thing is changed, and verification names it: also what leaves every chain in order.
import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import { rm, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { after, before, beforeEach, describe, it } from 'node:test'
import { signCheckpoint } from '../../ledger/checkpoint.ts'
import { openLogKey } from '../../ledger/log-key.ts'
import { EMPTY_ROOT } from '../../ledger/merkle.ts'
import { Sequencer } from '../../ledger/sequencer.ts'
import { encodeBundle } from '../../ledger/tiles.ts'
import { verdictOf } from '../../ledger/verify-report.ts'
import { SequencerBench } from '../support/sequencer-bench.ts'

let bench: SequencerBench
let size: number
before(async () => {
  bench = await SequencerBench.open()
})
after(() => bench.close())
beforeEach(async () => {
  await bench.begin()
  await bench.storeRun(3)
  await sequence()
})

async function sequence(): Promise<void> {
  const sequencer = await bench.sequencer()
  await sequencer.sequence()
  await sequencer.stop()
  size = sequencer.status.size
}

const deletes = (where: string): Promise<void> =>
  bench.run(`ALTER TABLE events DELETE WHERE ${where} SETTINGS mutations_sync = 2`)
const published = (): string => readFileSync(join(bench.tree, 'checkpoint'), 'utf8')

describe('verifying a store with its Merkle log', () => {
  it('is valid, and counts leaves and checkpoints', async () => {
    const report = await bench.verify([published()])
    assert.equal(verdictOf(report), 'valid')
    assert.deepEqual([report.counts.leaves, report.counts.checkpoints], [size, 2])
  })

  it('is valid while newer events wait for their places', async () => {
    await bench.storeRun(2)
    await bench.expectViolations()
  })

  it('is valid at every moment while events come in', async () => {
    const sequencer = await Sequencer.start({ ...bench.options(), tickMs: 1, maxLeaves: 20 })
    let isDone = false
    const storing = (async () => {
      for (let runs = 0; runs < 5; runs++) await bench.storeRun(20)
      isDone = true
    })()
    do await bench.expectViolations()
    while (!isDone)
    await storing
    await sequencer.stop()
    await bench.expectWhole()
  })

  it('finds a whole chain that was dropped, with what the ledger said of it', async () => {
    await deletes('1')
    const report = await bench.expectViolations('leaf-without-row')
    assert.equal(report.violationCount, size)
    assert.equal(report.violations[0]?.position, 'leaf 0')
  })

  it('finds a tail that was cut', async () => {
    await deletes("writer = 'gateway/files' AND sequence = 11")
    const { violations } = await bench.verify()
    const found = violations.find(({ code }) => code === 'leaf-without-row')
    assert.equal(found?.position, 'leaf 10')
  })

  it('finds an event that was put in among the others', async () => {
    const copy = '* REPLACE(reverse(hash) AS hash, ingested_at - INTERVAL 1 SECOND AS ingested_at)'
    await bench.run(`INSERT INTO events SELECT ${copy} FROM events WHERE sequence = 3`)
    const { violations } = await bench.verify()
    assert.ok(violations.some(({ code }) => code === 'row-without-leaf'))
  })

  it("finds leaves that the store's index has elsewhere, twice or not at all", async () => {
    await bench.run('INSERT INTO leaves SELECT position + 1, hash FROM leaves WHERE position = 3')
    await bench.run('ALTER TABLE leaves DELETE WHERE position = 7 SETTINGS mutations_sync = 2')
    const { violations } = await bench.expectViolations('leaf-mismatch', 'row-without-leaf')
    assert.deepEqual(
      violations.slice(0, 2).map(({ position }) => position),
      ['leaf 4', 'leaf 7'],
    )
  })
})

describe('verifying the files of a log', () => {
  it('finds an entry, a tile or a file that is not what it was', async () => {
    const bundle = join(bench.tree, `tile/entries/000.p/${size}`)
    const entries = await bench.reader.entries(0, size)
    await writeFile(bundle, encodeBundle(entries.toReversed()))
    assert.equal((await bench.expectViolations('tree-damaged')).violations[0]?.position, bundle)
    await rm(bundle)
    assert.equal((await bench.expectViolations('tree-damaged')).violations[0]?.position, bundle)
  })

  it('finds leaves rewritten with their entries, as the root is not the one that was signed', async () => {
    const entries = await bench.reader.entries(0, size)
    const hashes = await bench.reader.hashes(0, 0, size)
    await writeFile(join(bench.tree, `tile/entries/000.p/${size}`), encodeBundle(entries.toReversed()))
    await writeFile(join(bench.tree, `tile/0/000.p/${size}`), Buffer.concat(hashes.toReversed()))
    await bench.expectViolations('leaf-mismatch', 'tree-damaged')
  })

  it('finds a checkpoint that is missing, edited, or signed by a stranger', async () => {
    const path = join(bench.tree, 'checkpoint')
    const note = published()
    const stranger = await openLogKey(join(bench.data, 'stranger'), 'test')
    await writeFile(path, note.replace(`\n${size}\n`, `\n${size - 1}\n`))
    await bench.expectViolations('checkpoint-invalid', 'tree-missing')
    await writeFile(path, signCheckpoint({ origin: 'test', size, root: EMPTY_ROOT }, stranger.pair))
    await bench.expectViolations('checkpoint-invalid', 'tree-missing')
    await rm(path)
    await bench.expectViolations('tree-missing')
  })
})

describe('verifying against a checkpoint that somebody kept', () => {
  it('is valid when the log has grown since', async () => {
    const kept = published()
    await bench.storeRun(100)
    await sequence()
    const report = await bench.verify([kept])
    assert.deepEqual([report.violations, report.counts.checkpoints], [[], 2])
  })

  it('finds that the log was rolled back, or that its history was rewritten with its own key', async () => {
    const { pair } = await openLogKey(bench.data, 'test')
    const larger = signCheckpoint({ origin: 'test', size: size + 1, root: EMPTY_ROOT }, pair)
    const other = signCheckpoint({ origin: 'test', size: size - 1, root: EMPTY_ROOT }, pair)
    const { violations } = await bench.verify([larger, other, published()])
    assert.deepEqual(
      violations.map(({ code }) => code),
      ['checkpoint-conflict', 'checkpoint-conflict'],
    )
    assert.match(violations[0]?.text ?? '', /rolled back/)
    assert.match(violations[1]?.text ?? '', /rewritten/)
  })
})
