// A store that somebody damaged is repaired from its event log: afterwards it verifies, and the repair stands in the history.
import assert from 'node:assert/strict'
import { after, before, describe, it } from 'node:test'
import type { RepairFault, RepairStepName } from '../../ledger/repair/mender.ts'
import type { RepairResult } from '../../ledger/repair/repair.ts'
import { RepairBench } from '../support/repair-bench.ts'
import type { RunBuilder } from '../support/run-builder.ts'

let stage: RepairBench
before(async () => {
  stage = await RepairBench.open()
})
after(() => stage.close())

const OF_GATEWAY = "writer = 'gateway/files'"
const INGESTED = "type = 'ledger/ingested'"

/** An honest ledger with one message among the others that is no event. */
function begin(): Promise<RunBuilder> {
  return stage.begin((run, storage) => {
    storage.write('events', run.chain, [{ key: run.chain, value: Buffer.from('{'), headers: {} }])
  })
}

/** What was done to the store, and one violation that verification names then; none where it names nothing. */
type Attack = readonly [damage: () => Promise<unknown>, violation?: string]

const ATTACKS: Readonly<Record<string, Attack>> = {
  'a body that was changed': [
    () => stage.update("body = replaceOne(body, 'files', 'FILES')", `${OF_GATEWAY} AND sequence = 6`),
    'hash-mismatch',
  ],
  'a column that was changed': [
    () => stage.update("tool = 'other'", `${OF_GATEWAY} AND sequence = 6`),
    'column-mismatch',
  ],
  'signatures that were taken away': [
    () => stage.update("signature = ''", `${OF_GATEWAY} AND signature != ''`),
    'signature-missing',
  ],
  'an event that was deleted': [() => stage.delete(`${OF_GATEWAY} AND sequence = 7`), 'event-missing'],
  'a chain that was deleted': [() => stage.delete(OF_GATEWAY), 'leaf-without-row'],
  'a tail that was cut': [() => stage.delete(`${OF_GATEWAY} AND sequence > 12`), 'range-mismatch'],
  'a part that was lost, and more': [
    async () => {
      for (const table of ['events', 'payloads', 'quarantine', 'leaves'])
        await stage.bench.run(`TRUNCATE TABLE ${table}`)
    },
    'leaf-mismatch',
  ],
  'an event that was inserted': [
    () => stage.copy("repeat('0', 64) AS hash", `${OF_GATEWAY} AND sequence = 4`),
    'hash-mismatch',
  ],
  'a row at a place that nobody announced': [
    () => stage.copy('1000 AS offset', `${OF_GATEWAY} AND sequence = 5`),
    'row-unannounced',
  ],
  'statements of the ledger that were deleted': [() => stage.delete(INGESTED), 'row-unannounced'],
  'statements of the ledger that were changed': [
    () => stage.update('range_to = range_to + 1', INGESTED),
    'column-mismatch',
  ],
  'statements of the ledger that were forged': [
    () => stage.copy("repeat('1', 64) AS hash, offset + 100 AS offset, sequence + 100 AS sequence", INGESTED),
    'hash-mismatch',
  ],
  'payloads that were deleted': [() => stage.delete('1', 'payloads'), 'payload-missing'],
  'payloads that were changed': [() => stage.update("recorded = 'AAAA'", '1', 'payloads'), 'payload-mismatch'],
  'payloads that were added': [() => stage.copy("'AAAA' AS recorded", '1', 'payloads'), 'payload-mismatch'],
  'payloads that stand elsewhere': [() => stage.copy('offset + 900 AS offset', '1', 'payloads'), 'payload-mismatch'],
  'quarantined bytes that were purged': [() => stage.delete('1', 'quarantine'), 'quarantine-missing'],
  'quarantined bytes that were changed': [() => stage.update("raw = 'AAAA'", '1', 'quarantine'), 'quarantine-altered'],
  'leaves that were forgotten': [() => stage.delete('position > 3', 'leaves'), 'leaf-mismatch'],
  'a row that was moved to another year': [
    async () => {
      const ninth = `${OF_GATEWAY} AND sequence = 9`
      await stage.copy('ingested_at - INTERVAL 1 YEAR AS ingested_at', ninth)
      await stage.delete(`${ninth} AND ingested_at > now() - INTERVAL 1 MONTH`)
    },
  ],
}

describe('a store with', () => {
  for (const [name, [damage, violation]] of Object.entries(ATTACKS))
    it(`${name} verifies after its repair, which is recorded`, async () => {
      await begin()
      await damage()
      if (violation !== undefined) assert.ok((await stage.violations()).includes(violation))
      const { event, report } = await stage.repair()
      assert.deepEqual(report.violations, [])
      assert.ok(event !== undefined)
      const after = await stage.bench.verify()
      assert.deepEqual([after.violations, after.counts.repairs], [[], 1])
    })
})

describe('a repair', () => {
  it('leaves a store that is whole as it is, and says nothing', async () => {
    await begin()
    assert.deepEqual(summaryOf(await stage.repair()), { event: undefined, places: [0, 0, 0], violations: [] })
  })

  it('only counts in a dry run', async () => {
    await begin()
    await stage.delete(`${OF_GATEWAY} AND sequence IN (7, 8)`)
    const { event, places } = summaryOf(await stage.repair({ isDryRun: true }))
    assert.deepEqual([event, places], [undefined, [0, 2, 0]])
    assert.ok((await stage.violations()).includes('event-missing'))
    assert.equal((await evidence()).length, 0)
  })

  it('keeps what stood there in quarantine, and verification misses it where it is purged', async () => {
    await begin()
    await stage.update("tool = 'other'", `${OF_GATEWAY} AND sequence = 6`)
    assert.deepEqual(summaryOf(await stage.repair()).places, [1, 0, 0])
    const [row] = await evidence()
    assert.equal((JSON.parse(Buffer.from(row?.raw ?? '', 'base64').toString()) as { tool: string }).tool, 'other')
    await stage.delete("part = 'row of events'", 'quarantine')
    assert.deepEqual(await stage.violations(), ['quarantine-missing'])
  })

  it('is published when the ledger runs next, and leaves nothing to repair', async () => {
    await begin()
    await stage.delete(`${OF_GATEWAY} AND sequence > 5`)
    await stage.repair()
    await stage.runLedger()
    assert.ok(stage.storage.records('events').some(({ value }) => Buffer.from(value).includes('ledger/repaired')))
    assert.deepEqual(summaryOf(await stage.repair()), { event: undefined, places: [0, 0, 0], violations: [] })
  })

  it('brings no erased payload back, and no copy of one', async () => {
    const run = await stage.begin()
    const hash = run.calls[0]?.propose.hash ?? ''
    await stage.erase(hash)
    assert.deepEqual(await stage.violations(), [])
    await stage.update("recorded = 'c2VjcmV0', erased_by = ''", `hash = '${hash}'`, 'payloads')
    const { violations } = summaryOf(await stage.repair())
    const rows = await stage.bench.store.select<{ recorded: string }>(
      `SELECT recorded FROM payloads WHERE hash = '${hash}'`,
    )
    assert.deepEqual([violations, rows.map(({ recorded }) => recorded)], [[], ['']])
    assert.ok((await evidence()).every(({ raw }) => !Buffer.from(raw, 'base64').includes('c2VjcmV0')))
  })

  it('puts back nothing that the log does not have any more, and the gap stays visible', async () => {
    const run = await begin()
    await stage.delete(`${OF_GATEWAY} AND sequence IN (4, 12)`)
    const eventLog = stage.openExpiredLog(run.chain, 8)
    const result = await stage.repair({ eventLog })
    assert.deepEqual(summaryOf(result).places, [0, 1, 0])
    assert.deepEqual(summaryOf(result).violations.toSorted(), ['event-missing', 'leaf-without-row', 'range-mismatch'])
    assert.equal(result.read.get(run.chain)?.first, 8)
  })

  it('puts back nothing from a log that somebody changed', async () => {
    const run = await begin()
    await stage.delete(`${OF_GATEWAY} AND sequence = 12`)
    const record = stage.storage
      .records('events')
      .find(({ key, position }) => key === run.chain && position.offset === 10)
    record?.value.set(Buffer.from('X'), 100)
    const { places, violations } = summaryOf(await stage.repair())
    assert.deepEqual(places, [0, 0, 0])
    assert.ok(violations.includes('event-missing'))
  })

  it('refuses where the Merkle log itself is damaged', async () => {
    await begin()
    await stage.damageTiles()
    await assert.rejects(stage.repair(), { code: 'TREE_INVALID' })
  })
})

const STEPS: readonly RepairStepName[] = ['before-evidence', 'before-removal', 'before-restoring', 'before-event']

describe('a repair that is ended', () => {
  for (const step of STEPS)
    for (const nth of step === 'before-event' ? [1] : [1, 2, 3])
      it(`${step} number ${nth} is finished by the next one`, async () => {
        await begin()
        await damageAll()
        await assert.rejects(stage.repair({ fault: failAt(step, nth) }), /killed/)
        const { event, violations } = summaryOf(await stage.repair())
        assert.deepEqual(violations, [])
        assert.ok(event !== undefined)
        const after = await stage.bench.verify()
        assert.deepEqual([after.violations, after.counts.repairs], [[], 1])
        assert.ok((await evidence()).some(({ raw }) => Buffer.from(raw, 'base64').includes('"tool":"other"')))
      })
})

/** Something of every kind. */
async function damageAll(): Promise<void> {
  await stage.update("tool = 'other'", `${OF_GATEWAY} AND sequence = 6`)
  await stage.delete(`${OF_GATEWAY} AND sequence > 12`)
  await stage.update('range_to = range_to + 1', INGESTED)
  await stage.delete('1', 'payloads')
  await stage.update("raw = 'AAAA'", '1', 'quarantine')
  await stage.copy('1000 AS offset', `${OF_GATEWAY} AND sequence = 5`)
}

function failAt(step: RepairStepName, nth: number): RepairFault {
  let count = 0
  return (reached) => {
    if (reached === step && ++count === nth) throw new Error('killed')
  }
}

function summaryOf({ event, replaced, restored, removed, report }: RepairResult) {
  return { event, places: [replaced, restored, removed], violations: report.violations.map(({ code }) => code) }
}

function evidence(): Promise<readonly { readonly raw: string }[]> {
  return stage.bench.store.select("SELECT raw FROM quarantine WHERE startsWith(part, 'row of ')")
}
