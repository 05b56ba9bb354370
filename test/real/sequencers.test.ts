// Two sequencers of one ledger at once (ledger.md, row 11): two installations that begin on one store, and a data directory
// that was copied, as a restored snapshot of a machine is. One log goes on; no size is ever signed with two roots.
import assert from 'node:assert/strict'
import { cp } from 'node:fs/promises'
import { join } from 'node:path'
import { after, before, beforeEach, describe, it } from 'node:test'
import type { Claims } from '../../ledger/claims.ts'
import { LogClaims } from '../../ledger/log-claims.ts'
import { parseNote } from '../../ledger/note.ts'
import { Sequencer, type SequencerOptions, sequencerDirectories } from '../../ledger/sequencer.ts'
import { TEST_LOG } from '../support/ledger-harness.ts'
import { MemoryLog, MemoryStorage } from '../support/memory-log.ts'
import { SequencerBench } from '../support/sequencer-bench.ts'
import { until } from '../support/until.ts'

const TICK_MS = 3
const ROUNDS = 5

let bench: SequencerBench
let topic: MemoryStorage
/** Text of every checkpoint that anybody published, by size. */
const signed = new Map<string, Set<string>>()

before(async () => {
  bench = await SequencerBench.open()
})
after(() => bench.close())

const registers: Readonly<Record<string, () => Claims>> = {
  'a ClickHouse store': () => bench.store.claims,
  'the event log': () =>
    new LogClaims({ eventLog: new MemoryLog({ storage: topic }), log: TEST_LOG, memory: join(bench.data, 'none') }),
}

for (const [name, claims] of Object.entries(registers)) {
  describe(`two sequencers with their claims in ${name}`, () => {
    beforeEach(async () => {
      await bench.begin()
      topic = new MemoryStorage()
      signed.clear()
    })

    it('that begin at once on two directories: one has the log, the other learns that it is kept elsewhere', async () => {
      for (let round = 0; round < ROUNDS; round++) {
        await bench.begin()
        topic = new MemoryStorage()
        await bench.storeRun(2)
        const places = ['a', 'b'].map((directory) => optionsAt(directory, claims()))
        const opened = await Promise.allSettled(places.map((options) => Sequencer.open(options)))
        const refused = opened.flatMap((each) => (each.status === 'rejected' ? [each.reason.code] : []))
        assert.deepEqual(refused, ['STORE_LOCKED'])
        for (const each of opened) if (each.status === 'fulfilled') await each.value.stop()
      }
    })

    it('of which one is a copy of the other: one goes on, the other stops and says why', async () => {
      await bench.storeRun(1)
      await (await Sequencer.start(optionsAt('a', claims()))).stop()
      await cp(join(bench.data, 'a'), join(bench.data, 'b'), { recursive: true })
      const stopped: unknown[] = []
      const onStopped = (error: unknown): void => void stopped.push(error)
      const both = await Promise.all(
        ['a', 'b'].map((place) => Sequencer.start({ ...optionsAt(place, claims()), onStopped, tickMs: TICK_MS })),
      )
      for (let round = 0; stopped.length === 0 || round < ROUNDS; round++) await bench.storeRun(1)
      const wanted = await bench.countEvents()
      await until(() => both.some(({ status }) => status.size === wanted))
      for (const each of both) await each.stop().catch(onStopped)
      assert.deepEqual([...new Set(stopped.map(codeOf))], ['TREE_INVALID'])
      expectOneRootEach()
    })

    it('of which one is a copy from before: it is refused at its start', async () => {
      await bench.storeRun(1)
      await (await Sequencer.start(optionsAt('a', claims()))).stop()
      await cp(join(bench.data, 'a'), join(bench.data, 'b'), { recursive: true })
      await bench.storeRun(1)
      await (await Sequencer.start(optionsAt('a', claims()))).stop()
      await bench.run('TRUNCATE TABLE leaves')
      await assert.rejects(Sequencer.open(optionsAt('b', claims())), { code: 'TREE_INVALID', message: /has claimed/ })
    })
  })
}

function optionsAt(place: string, claims: Claims): SequencerOptions {
  const data = join(bench.data, place)
  const onPublished = (note: string): void => {
    const { text } = parseNote(note)
    const size = text.split('\n')[1] ?? ''
    signed.set(size, (signed.get(size) ?? new Set()).add(text))
  }
  return { ...bench.options(), ...sequencerDirectories(data), keyDirectory: data, claims, onPublished }
}

function expectOneRootEach(): void {
  assert.ok(signed.size > 1)
  for (const [size, texts] of signed) assert.equal(texts.size, 1, `size ${size}`)
}

function codeOf(error: unknown): unknown {
  return error instanceof Error && 'code' in error ? error.code : error
}
