// A prune that is ended at each of its steps: what is left verifies or says that it is under way, the next start ends it, and
// nothing that must stay is gone.
import assert from 'node:assert/strict'
import { existsSync } from 'node:fs'
import { join } from 'node:path'
import { after, before, beforeEach, describe, it } from 'node:test'
import { Prunings } from '../../ledger/pruning.ts'
import { TreeProofs } from '../../ledger/tree-proofs.ts'
import { RepairBench } from '../support/repair-bench.ts'
import { beginTwoMonthsOn, clockAt, OCTOBER, recordPruneOn, SEPTEMBER } from '../support/two-months.ts'

let stage: RepairBench
before(async () => {
  stage = await RepairBench.open()
})
after(() => stage.close())

/** What is younger than the month that goes, and what counts for good. */
const STAYING =
  "ingested_at >= '2026-09-01' OR type IN ('key/registered', 'key/revoked', 'admin/held', 'admin/released')"
let staying: readonly string[] = []

async function select(column: string, rest: string): Promise<readonly string[]> {
  const rows = await stage.bench.store.select<{ value: string }>(`SELECT ${column} AS value FROM ${rest}`)
  return rows.map(({ value }) => value)
}

function stayingPlaces(): Promise<readonly string[]> {
  const place = "concat(topic, ' ', partition, ' ', toString(offset), ' ', hash)"
  return select(place, `events WHERE ${STAYING} ORDER BY value`)
}

function endAt(step: string): (reached: string) => void {
  return (reached) => {
    if (reached === step) throw new Error('killed')
  }
}

async function checkWhole(): Promise<void> {
  assert.deepEqual(await stage.violations(), [])
  assert.deepEqual(await stayingPlaces(), staying)
  const [oldest] = await select('hash', 'leaves WHERE position = 0')
  assert.ok(await new TreeProofs(stage.bench.store, stage.bench.tree).inclusion(oldest ?? ''))
}

describe('a prune that is ended', () => {
  beforeEach(async () => {
    await beginTwoMonthsOn(stage)
    const { minIndex } = await new Prunings(stage.bench.store, stage.bench.tree).preview(SEPTEMBER, [])
    await recordPruneOn(stage, minIndex)
    staying = await stayingPlaces()
    assert.ok(staying.length > 8)
  })

  for (const step of ['events', 'payloads', 'quarantine', 'bundle'])
    it(`before ${step} verifies as it stands, and is finished by the next one`, async () => {
      const { store, tree } = stage.bench
      await assert.rejects(new Prunings(store, tree, endAt(step)).carryOut(), /killed/)
      await checkWhole()
      await stage.runLedger(clockAt(OCTOBER + 120_000_000))
      staying = await stayingPlaces()
      await new Prunings(store, tree).carryOut()
      await checkWhole()
      assert.equal((await new Prunings(store, tree).preview(SEPTEMBER, [])).events, 0)
      assert.equal((await select('hash', "payloads WHERE ingested_at < '2026-09-01'")).length < 3, true)
      assert.equal(existsSync(join(tree, 'tile/entries/000')), false)
    })
})
