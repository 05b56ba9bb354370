// Stored events become leaves: each once, in the order of arrival, whatever fails on the way; and the log is not continued
// where it does not belong to the store or to what was signed.
import assert from 'node:assert/strict'
import { readFileSync, statSync } from 'node:fs'
import { chmod, cp, rm, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { after, before, beforeEach, describe, it } from 'node:test'
import { signCheckpoint, verifyCheckpoint } from '../../ledger/checkpoint.ts'
import { openLogKey } from '../../ledger/log-key.ts'
import { EMPTY_ROOT } from '../../ledger/merkle.ts'
import { Sequencer } from '../../ledger/sequencer.ts'
import { SEQUENCER_WRITES } from '../../ledger/sequencer-files.ts'
import { SequencerBench } from '../support/sequencer-bench.ts'
import { until } from '../support/until.ts'

let bench: SequencerBench
before(async () => {
  bench = await SequencerBench.open()
})
after(() => bench.close())

/** One sequencer's life: opened, asked for a tick, stopped. */
async function sequenceOnce(more: Parameters<SequencerBench['sequencer']>[0] = {}): Promise<number> {
  const sequencer = await bench.sequencer(more)
  await sequencer.sequence()
  await sequencer.stop()
  return sequencer.status.size
}

describe('the sequencer', () => {
  beforeEach(() => bench.begin())

  it('makes every stored event a leaf, in the order of arrival', async () => {
    await bench.storeRun(3)
    await bench.storeRun(2)
    assert.equal(await sequenceOnce(), await bench.countEvents())
    await bench.expectWhole()
    const rows = await bench.store.select<{ body: string }>(
      "SELECT body FROM events WHERE outcome = 'accepted' ORDER BY ingested_at, topic, partition, offset",
    )
    const entries = await bench.reader.entries(0, rows.length)
    assert.deepEqual(
      entries.map(String),
      rows.map(({ body }) => body),
    )
  })

  it('signs with a key of its own, which only its owner can read', async () => {
    await bench.storeRun(1)
    const size = await sequenceOnce()
    const note = readFileSync(join(bench.tree, 'checkpoint'), 'utf8')
    const checkpoint = verifyCheckpoint(note, await bench.logKey())
    assert.deepEqual([checkpoint.origin, checkpoint.size], ['test', size])
    assert.equal(statSync(join(bench.data, 'log.key')).mode & 0o777, 0o600)
  })

  it('goes on where it stopped, in batches of any length', async () => {
    for (const [maxLeaves, calls] of [
      [7, 5],
      [1, 1],
      [300, 90],
      [256, 2],
    ] as const) {
      await bench.storeRun(calls)
      await sequenceOnce({ maxLeaves })
      await bench.expectWhole()
    }
  })

  it('makes no leaf of what is no event of a chain, and one of rows that were stored twice', async () => {
    await bench.storeRun(2)
    await bench.run('INSERT INTO events SELECT * REPLACE(ingested_at + INTERVAL 1 SECOND AS ingested_at) FROM events')
    await bench.run("INSERT INTO events SELECT * REPLACE('duplicate' AS outcome) FROM events")
    const size = await sequenceOnce()
    assert.equal(size, await bench.countEvents())
    assert.equal(await sequenceOnce(), size)
  })

  it('finds rows that came with an earlier time, once a minute', async () => {
    let seconds = 0
    const clock = { nowMicros: () => Date.now() * 1000, monotonicMicros: () => seconds * 1_000_000 }
    const sequencer = await bench.sequencer({ clock })
    await bench.storeRun(1)
    await bench.run('CREATE TABLE leaves_later AS events')
    await bench.run(
      'INSERT INTO leaves_later SELECT * REPLACE(ingested_at - INTERVAL 1 MINUTE AS ingested_at) FROM events',
    )
    await bench.run('TRUNCATE TABLE events')
    await bench.storeRun(1)
    await sequencer.sequence()
    await bench.run('INSERT INTO events SELECT * FROM leaves_later')
    await sequencer.sequence()
    const missed = sequencer.status.size
    seconds = 61
    await sequencer.sequence()
    assert.ok(missed < sequencer.status.size)
    await sequencer.stop()
    await bench.expectWhole()
  })

  it('publishes by itself, and what was stored before it stops', async () => {
    const sequencer = await Sequencer.start({ ...bench.options(), tickMs: 10 })
    await bench.storeRun(2)
    const wanted = await bench.countEvents()
    await until(() => sequencer.status.size === wanted)
    await bench.storeRun(1)
    await sequencer.stop()
    await bench.expectWhole()
  })

  it('leaves nothing staged, and no partial tile beside a full one', async () => {
    await bench.storeRun(40)
    await sequenceOnce({ maxLeaves: 100 })
    await bench.storeRun(50)
    await sequenceOnce()
    assert.equal(statSync(join(bench.data, 'sequencer', 'staging'), { throwIfNoEntry: false }), undefined)
    assert.equal(statSync(join(bench.tree, 'tile/0/000.p'), { throwIfNoEntry: false }), undefined)
    await bench.expectWhole()
  })
})

describe('a write that fails', () => {
  // One log for all: what a failure leaves behind, the next ones meet. It has more than one tile.
  before(async () => {
    await bench.begin()
    await bench.storeRun(84)
    await sequenceOnce()
  })

  const failures = ['failed', 'failed but persisted', 'crashed after'] as const
  for (const write of SEQUENCER_WRITES) {
    for (const failure of failures) {
      it(`${failure}: ${write}; afterwards every event is a leaf, once`, async () => {
        await bench.storeRun(1)
        let isBroken = true
        const when = failure === 'failed' ? 'before' : 'after'
        const fault = (at: string, name: string): void => {
          if (isBroken && at === when && name === write) throw new Error('injected')
        }
        await failAndGoOn({ fault, isCrash: failure === 'crashed after', mend: () => (isBroken = false) })
        await bench.expectWhole()
      })
    }
  }

  it('is tried again by a running sequencer, which says what it waits for', async () => {
    await bench.begin()
    await bench.storeRun(1)
    let failed = 0
    const fault = (): void => {
      if (failed++ < 3) throw Object.assign(new Error('disk full'), { code: 'ENOSPC' })
    }
    await assert.rejects(bench.sequencer({ fault }), { code: 'STORE_UNAVAILABLE', message: /ENOSPC/ })
    failed = -100
    const sequencer = await Sequencer.start({ ...bench.options(), tickMs: 5, fault: () => undefined })
    await until(() => sequencer.status.size > 0)
    await sequencer.stop()
    assert.equal(sequencer.status.waitingFor, undefined)
  })
})

/** Makes a tick fail; after a crash another process goes on, else the same one. */
async function failAndGoOn(how: {
  fault: (when: string, write: string) => void
  isCrash: boolean
  mend: () => void
}): Promise<void> {
  const sequencer = await openHealthy(how.fault)
  await assert.rejects(sequencer.sequence(), { code: 'STORE_UNAVAILABLE' })
  if (!how.isCrash) {
    how.mend()
    await sequencer.sequence()
  }
  await sequencer.stop()
  how.mend()
  if (how.isCrash) await sequenceOnce()
}

/** Faults begin after the log was opened. */
async function openHealthy(fault: (when: string, write: string) => void): Promise<Sequencer> {
  let isOpen = false
  const sequencer = await bench.sequencer({ fault: (when, write) => (isOpen ? fault(when, write) : undefined) })
  isOpen = true
  return sequencer
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
    await bench.storeRun(1)
    await sequenceOnce()
    await rm(join(bench.data, 'sequencer'), { recursive: true })
    await cp(join(bench.data, 'saved'), join(bench.data, 'sequencer'), { recursive: true })
    await refuses(/a larger tree of \d+ leaves was published/)
    await rm(join(bench.tree, 'checkpoint'))
    await refuses(/the store knows of \d+ leaves/)
  })

  it('is refused when another root was published for its size', async () => {
    const key = await openLogKey(bench.data, 'test')
    const size = (await bench.reader.checkpoint())?.size ?? 0
    const note = signCheckpoint({ origin: 'test', size, root: EMPTY_ROOT }, key.pair)
    await writeFile(join(bench.tree, 'checkpoint'), note)
    await refuses(/another root was published for the same size/)
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
