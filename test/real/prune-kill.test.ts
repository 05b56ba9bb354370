// A real `up` whose retention prunes, killed again and again in the middle of it.
import assert from 'node:assert/strict'
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { after, describe, it } from 'node:test'
import { setTimeout as wait } from 'node:timers/promises'
import { openClickHouse } from '../../ledger/clickhouse-connection.ts'
import { ageStore } from '../support/age-store.ts'
import { Pipeline } from '../support/pipeline.ts'

/** When `up` is killed, milliseconds after its API answers: the prune of the start is then somewhere on its way. */
const KILLED_AFTER_MS = [0, 150, 300, 500, 800, 1_200]

describe('an `up` that is killed again and again while it prunes', () => {
  const pipeline = new Pipeline()
  after(() => pipeline.remove())

  async function upWithCalls(): Promise<void> {
    const up = await pipeline.startUp()
    const client = pipeline.startGateway()
    await client.initialize()
    for (let number = 0; number < 20; number++) await client.call('count', String(number))
    await client.kill('SIGTERM')
    await pipeline.stopUp(up)
  }

  async function youngHashes(): Promise<readonly string[]> {
    const { verify, close } = await openClickHouse({ directory: join(pipeline.data, 'store') })
    const sql = `SELECT DISTINCT hash FROM events WHERE ingested_at > now() - INTERVAL 1 MONTH AND outcome = 'accepted'`
    const rows = await verify.select<{ hash: string }>(sql, {})
    await close()
    return rows.map(({ hash }) => hash)
  }

  it('ends it in the end, verifies, and keeps all that is younger', async () => {
    await upWithCalls()
    await ageStore(pipeline)
    await upWithCalls()
    const young = await youngHashes()
    assert.ok(young.length > 60)
    writeFileSync(pipeline.configFile, 'retention: { months: 1 }\n')
    for (const afterMs of KILLED_AFTER_MS) {
      const { command } = await pipeline.startUp()
      await wait(afterMs)
      await command.kill('SIGKILL')
    }
    const up = await pipeline.startUp()
    await pipeline.until(async () => (await left()) === 0)
    await pipeline.stopUp(up)
    const { code, report } = await pipeline.verify()
    assert.deepEqual([code, report.violations], [0, []])
    assert.ok((report.counts.pruned ?? 0) > 60)
    const kept = new Set(await youngHashes())
    assert.deepEqual(
      young.filter((hash) => !kept.has(hash)),
      [],
    )
  })

  async function left(): Promise<number> {
    const month = new Date().toISOString().slice(0, 7)
    const { output, code } = await pipeline.start(['prune', '--before', month, '--dry-run', '--json']).ended
    return code === 0 ? (JSON.parse(output) as { events: number }).events : -1
  }
})
