// The log is not continued where it does not belong to the store or to what was signed: all refusals of a start, after
// Sunlight's (internal/ctlog/ctlog.go, LoadLog and CreateLog), each with the way out.
import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import { chmod, cp, rm, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { after, before, beforeEach, describe, it } from 'node:test'
import { signCheckpoint } from '../../ledger/checkpoint.ts'
import { openLogKey } from '../../ledger/log-key.ts'
import { EMPTY_ROOT } from '../../ledger/merkle.ts'
import { SequencerBench } from '../support/sequencer-bench.ts'

let bench: SequencerBench
before(async () => {
  bench = await SequencerBench.open()
})
after(() => bench.close())

async function sequenceOnce(): Promise<void> {
  const sequencer = await bench.sequencer()
  await sequencer.sequence()
  await sequencer.stop()
}

describe('a log that does not belong to what was signed', () => {
  beforeEach(async () => {
    await bench.begin()
    await bench.storeRun(2)
    await sequenceOnce()
  })

  const refuses = async (message: RegExp): Promise<void> => {
    await assert.rejects(bench.sequencer(), (error: Error & { code?: string; fix?: string }) => {
      assert.match(error.message, message)
      assert.equal(error.code, 'TREE_INVALID')
      assert.ok(error.fix)
      return true
    })
  }

  it('is refused when the store has fewer events than were signed', async () => {
    await bench.run("ALTER TABLE events DELETE WHERE writer = 'gateway/files' SETTINGS mutations_sync = 2")
    await refuses(/history is shorter than what was signed/)
  })

  it('is refused when the last events were replaced by others', async () => {
    await bench.run("ALTER TABLE events DELETE WHERE writer = 'gateway/files' SETTINGS mutations_sync = 2")
    await bench.storeRun(4)
    await refuses(/history is shorter than what was signed: leaf [0-9a-f]{64} has no row/)
  })

  it('is refused when the log is gone though it once existed', async () => {
    await rm(join(bench.data, 'sequencer'), { recursive: true })
    await refuses(/once existed/)
    await rm(bench.tree, { recursive: true })
    await refuses(/once existed/)
  })

  it('is refused when it was rolled back', async () => {
    await cp(join(bench.data, 'sequencer'), join(bench.data, 'saved'), { recursive: true })
    await cp(join(bench.tree, 'checkpoint'), join(bench.data, 'saved-checkpoint'))
    await bench.storeRun(1)
    await sequenceOnce()
    await rm(join(bench.data, 'sequencer'), { recursive: true })
    await cp(join(bench.data, 'saved'), join(bench.data, 'sequencer'), { recursive: true })
    await refuses(/a larger tree of \d+ leaves was published/)
    await cp(join(bench.data, 'saved-checkpoint'), join(bench.tree, 'checkpoint'))
    await refuses(/the store knows of \d+ leaves/)
  })

  it('is refused when what was published is gone, or older than what was signed', async () => {
    await cp(join(bench.tree, 'checkpoint'), join(bench.data, 'saved-checkpoint'))
    await bench.storeRun(1)
    await sequenceOnce()
    await cp(join(bench.data, 'saved-checkpoint'), join(bench.tree, 'checkpoint'))
    await refuses(/a smaller tree of \d+ leaves was published/)
    await rm(join(bench.tree, 'checkpoint'))
    await refuses(/the published checkpoint is missing/)
  })

  it('is refused when another root was published for its size', async () => {
    const key = await openLogKey(bench.data, 'test')
    const size = (await bench.reader.checkpoint())?.size ?? 0
    const note = signCheckpoint({ origin: 'test', size, root: EMPTY_ROOT }, key.pair)
    await writeFile(join(bench.tree, 'checkpoint'), note)
    await refuses(/another root was published for the same size/)
  })

  it('is refused when its checkpoint is of another log, has another signature, or says more than it may', async () => {
    const path = join(bench.data, 'sequencer/checkpoint')
    const note = readFileSync(path, 'utf8')
    const { pair } = await openLogKey(bench.data, 'test')
    const foreign = signCheckpoint({ origin: 'other', size: 0, root: EMPTY_ROOT }, pair)
    for (const wrong of [foreign, note.replace('\n\n', '\nextension\n\n'), note.slice(0, -8), ''])
      await writeFile(path, wrong).then(() => assert.rejects(bench.sequencer(), { code: 'CHECKPOINT_INVALID' }))
  })

  it('is refused when its last tile or bundle was changed', async () => {
    const size = (await bench.reader.checkpoint())?.size ?? 0
    const tile = join(bench.tree, `tile/0/000.p/${size}`)
    const bytes = readFileSync(tile)
    await writeFile(tile, Buffer.concat([Buffer.alloc(32), bytes.subarray(32)]))
    await refuses(/does not have the hash of its leaf/)
    await rm(tile)
    await refuses(/missing/)
  })

  it('is refused when a body was changed before it became a leaf', async () => {
    await bench.storeRun(1)
    await bench.run(
      "INSERT INTO events SELECT * REPLACE('{}' AS body, reverse(hash) AS hash, now64(6) + 1 AS ingested_at) FROM events LIMIT 1",
    )
    const sequencer = await bench.sequencer()
    await assert.rejects(sequencer.sequence(), { code: 'TREE_INVALID', message: /changed before it became a leaf/ })
    await sequencer.stop()
  })

  it('is refused with another key, and with none', async () => {
    const path = join(bench.data, 'log.key')
    const { pair } = await openLogKey(bench.data, 'test')
    await rm(path)
    await assert.rejects(bench.sequencer(), { code: 'KEY_MISSING' })
    const other = await openLogKey(join(bench.data, 'other'), 'test')
    await cp(join(bench.data, 'other', 'log.key'), path)
    assert.notDeepEqual(other.pair.publicKey, pair.publicKey)
    await assert.rejects(bench.sequencer(), { code: 'KEY_INVALID' })
  })

  it('is refused when others can read its key', async () => {
    const path = join(bench.data, 'log.key')
    await chmod(path, 0o640)
    await assert.rejects(bench.sequencer(), { code: 'KEY_INVALID', fix: `chmod 600 ${path}` })
  })

  it('is refused while another process has it', async () => {
    const first = await bench.sequencer()
    await assert.rejects(bench.sequencer(), { code: 'STORE_LOCKED' })
    await first.stop()
  })

  it('is kept elsewhere, where the store has leaves that this directory never made', async () => {
    const elsewhere = { treeDirectory: join(bench.data, 'b/tlog'), stateDirectory: join(bench.data, 'b/sequencer') }
    const keyDirectory = join(bench.data, 'b')
    await assert.rejects(bench.sequencer({ ...elsewhere, keyDirectory }), {
      code: 'STORE_LOCKED',
      message: /kept elsewhere/,
    })
  })

  it("has its index made again, when the store's was lost", async () => {
    await bench.run('TRUNCATE TABLE leaves')
    await sequenceOnce()
    await bench.expectWhole()
  })
})
