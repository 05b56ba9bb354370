// Stored events become leaves: each once, in the order of arrival, whatever fails on the way. What the log refuses to
// continue is in sequencer-refusals.test.ts, two sequencers at once in sequencers.test.ts.
import assert from 'node:assert/strict'
import { readFileSync, statSync } from 'node:fs'
import { join } from 'node:path'
import { after, before, beforeEach, describe, it } from 'node:test'
import { verifyCheckpoint } from '../../ledger/checkpoint.ts'
import type { Claims } from '../../ledger/claims.ts'
import { LogClaims } from '../../ledger/log-claims.ts'
import { Sequencer } from '../../ledger/sequencer.ts'
import { SEQUENCER_WRITES } from '../../ledger/sequencer-files.ts'
import { TEST_LOG } from '../support/ledger-harness.ts'
import { MemoryLog, MemoryStorage } from '../support/memory-log.ts'
import { SequencerBench } from '../support/sequencer-bench.ts'
import { until } from '../support/until.ts'

let bench: SequencerBench
before(async () => {
  bench = await SequencerBench.open()
})
after(() => bench.close())

/** What each process of one ledger reads of the topic of claims. */
const topic = new MemoryStorage()
function openLogClaims(): Claims {
  const eventLog = new MemoryLog({ storage: topic })
  return new LogClaims({ eventLog, log: TEST_LOG, memory: join(bench.data, 'claim.json') })
}

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
  const registers = {
    'a directory': () => undefined,
    'a ClickHouse server': () => bench.store.claims,
    'an event log': () => openLogClaims(),
  }
  for (const [name, claims] of Object.entries(registers)) {
    for (const write of SEQUENCER_WRITES.filter((each) => each !== 'claim' || name !== 'a directory')) {
      for (const failure of failures) {
        it(`${failure}: ${write}, claimed in ${name}; afterwards every event is a leaf, once`, async () => {
          await bench.storeRun(1)
          let isBroken = true
          const when = failure === 'failed' ? 'before' : 'after'
          const fault = (at: string, each: string): void => {
            if (isBroken && at === when && each === write) throw new Error('injected')
          }
          const isCrash = failure === 'crashed after'
          await failAndGoOn({ fault, claims, isCrash, mend: () => (isBroken = false) })
          await bench.expectWhole()
        })
      }
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
  claims: () => Claims | undefined
  isCrash: boolean
  mend: () => void
}): Promise<void> {
  const sequencer = await openHealthy(how.fault, how.claims())
  await assert.rejects(sequencer.sequence(), { code: 'STORE_UNAVAILABLE' })
  if (!how.isCrash) {
    how.mend()
    await sequencer.sequence()
  }
  await sequencer.stop()
  how.mend()
  if (how.isCrash) await sequenceOnce({ claims: how.claims() })
}

/** Faults begin after the log was opened. */
async function openHealthy(fault: (when: string, write: string) => void, claims?: Claims): Promise<Sequencer> {
  let isOpen = false
  const sequencer = await bench.sequencer({
    claims,
    fault: (when, write) => (isOpen ? fault(when, write) : undefined),
  })
  isOpen = true
  return sequencer
}
