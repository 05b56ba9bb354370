// Months that are over go by the word of an event: what stays verifies and has its proofs, and nothing goes without that word.
import assert from 'node:assert/strict'
import { existsSync } from 'node:fs'
import { join } from 'node:path'
import { after, before, beforeEach, describe, it } from 'node:test'
import { hashBody } from '../../events/chain.ts'
import { formatTime } from '../../events/time.ts'
import { findLegalHolds } from '../../ledger/legal-hold.ts'
import { Prunings } from '../../ledger/pruning.ts'
import { TreeProofs } from '../../ledger/tree-proofs.ts'
import { verifyQuickly } from '../../ledger/verify-quick.ts'
import { RepairBench } from '../support/repair-bench.ts'
import { RunBuilder } from '../support/run-builder.ts'
import { beginTwoMonthsOn, clockAt, OCTOBER, recordPruneOn, SEPTEMBER } from '../support/two-months.ts'

let stage: RepairBench
before(async () => {
  stage = await RepairBench.open()
})
after(() => stage.close())

function beginTwoMonths(): Promise<void> {
  return beginTwoMonthsOn(stage)
}

function recordPrune(minIndex: number): Promise<void> {
  return recordPruneOn(stage, minIndex)
}

function prunings(): Prunings {
  return new Prunings(stage.bench.store, stage.bench.tree)
}

async function countRows(table: string): Promise<number> {
  const sql = `SELECT count() AS rows FROM ${table} WHERE ingested_at < '2026-09-01'`
  return (await stage.bench.store.select<{ rows: number }>(sql))[0]?.rows ?? -1
}

describe('a ledger of which a month was pruned', () => {
  before(async () => {
    await beginTwoMonths()
    const preview = await prunings().preview(SEPTEMBER, [])
    assert.ok(preview.events > 300 && preview.payloads >= 200, JSON.stringify(preview))
    await recordPrune(preview.minIndex)
    assert.deepEqual(await stage.violations(), [])
    await prunings().carryOut()
  })

  it('has nothing left of it but what the ledger goes on from', async () => {
    assert.ok((await countRows('events')) < 10)
    assert.ok((await countRows('payloads')) < 3)
    assert.equal((await prunings().preview(SEPTEMBER, [])).events, 0)
  })

  it('verifies, and says how far it was pruned', async () => {
    const { violations, counts } = await stage.bench.verify()
    assert.deepEqual(violations, [])
    assert.ok(counts.pruned > 300 && counts.leaves > counts.pruned)
    assert.deepEqual((await verifyQuickly(stage.bench.store)).violations, [])
  })

  it('has no bodies of it in the Merkle log any more, and every proof', async () => {
    assert.equal(existsSync(join(stage.bench.tree, 'tile/entries/000')), false)
    assert.ok(existsSync(join(stage.bench.tree, 'tile/0/000')))
    const leaves = await stage.bench.store.select<{ hash: string }>(
      'SELECT hash FROM leaves WHERE position IN (0, 340)',
    )
    const proofs = new TreeProofs(stage.bench.store, stage.bench.tree)
    for (const { hash } of leaves) assert.ok(await proofs.inclusion(hash))
  })

  it('goes on, and has nothing to repair', async () => {
    await stage.runLedger(clockAt(OCTOBER + 120_000_000))
    assert.deepEqual(await stage.violations(), [])
    const { event, restored } = await stage.repair()
    assert.deepEqual([event, restored], [undefined, 0])
  })

  it('brings nothing of it back in a repair, even where the word of it was deleted', async () => {
    await stage.delete("type = 'admin/pruned' OR writer = 'gateway/young'")
    assert.notDeepEqual(await stage.violations(), [])
    const { report } = await stage.repair()
    assert.deepEqual(report.violations, [])
    assert.ok((await countRows('events')) < 10)
  })
})

describe('a month that goes', () => {
  beforeEach(beginTwoMonths)

  it('without an event is missed', async () => {
    const { minIndex, beforeMicros } = await prunings().preview(SEPTEMBER, [])
    await stage.bench.store.prune({ minIndex, beforeMicros })
    const codes = await stage.violations()
    for (const code of ['event-missing', 'leaf-without-row']) assert.ok(codes.includes(code), codes.join())
  })

  it('in the name of an event that nobody signed is missed', async () => {
    const { minIndex, beforeMicros } = await prunings().preview(SEPTEMBER, [])
    const { gateway, api } = stage.bench.keys
    const forger = new RunBuilder({ seed: 9, key: gateway, writer: 'api/main' })
    assert.notEqual(gateway, api)
    forger.open()
    const said = { what: 'all', before: formatTime(SEPTEMBER), minIndex, by: 'user:ann', reason: 'forged' }
    const [record] = forger.draft({ type: 'admin/pruned', ...said })
    const body = Buffer.from(record?.value ?? '').toString()
    const columns = `'admin/pruned' AS type, ${minIndex} AS range_to, '${hashBody(Buffer.from(body))}' AS hash, '${body}' AS body`
    await stage.copy(`${columns}, 'api/main' AS writer, 999 AS offset`, "writer = 'gateway/young' AND sequence = 2")
    await stage.bench.store.prune({ minIndex, beforeMicros })
    const codes = await stage.violations()
    for (const code of ['row-without-leaf', 'row-unannounced', 'column-mismatch'])
      assert.ok(codes.includes(code), codes.join())
  })

  it('takes nothing with it that its event does not cover', async () => {
    await recordPrune((await prunings().preview(SEPTEMBER, [])).minIndex)
    await prunings().carryOut()
    await stage.delete("writer = 'gateway/both' AND sequence = 9")
    const codes = await stage.violations()
    for (const code of ['event-missing', 'leaf-without-row']) assert.ok(codes.includes(code), codes.join())
  })

  it('is held as a whole by a legal hold on anything in it', async () => {
    const api = new RunBuilder({ seed: 9, key: stage.bench.keys.api, writer: 'api/main' })
    stage.write(api, api.open())
    const hold = '01a20357-9080-7668-9f3b-62d57bfc4935'
    stage.write(api, api.draft({ type: 'admin/held', hold, session: 'session-1', by: 'user:ann', reason: 'case 1' }))
    await stage.runLedger(clockAt(OCTOBER + 60_000_000))
    const { held } = await prunings().preview(SEPTEMBER, await findLegalHolds(stage.bench.store))
    assert.deepEqual(
      held.map((each) => [each.hold.hold, each.events > 300]),
      [[hold, true]],
    )
  })
})
