// `toolwarden repair` as its user runs it: refused while `up` runs, killed again and again, and in the end all is well.
import assert from 'node:assert/strict'
import { join } from 'node:path'
import { after, before, describe, it } from 'node:test'
import { openClickHouse } from '../../ledger/clickhouse-connection.ts'
import type { CommandEnd } from '../support/command.ts'
import { DAMAGE, REPAIR, repairUnderFire } from '../support/damaged-store.ts'
import { Pipeline } from '../support/pipeline.ts'

/** When the repair is killed, milliseconds after its start: it loads, compares, puts aside, puts right. */
const KILLED_AFTER_MS = [1_000, 1_500, 1_800, 2_100, 2_500]

const pipeline = new Pipeline()
after(() => pipeline.remove())

function run(...args: readonly string[]): Promise<CommandEnd> {
  return pipeline.start(args).ended
}

async function damage(): Promise<void> {
  const { ingest, close } = await openClickHouse({ directory: join(pipeline.data, 'store') })
  for (const sql of DAMAGE) await ingest.command(sql)
  await close()
}

describe('a ledger whose store was damaged', () => {
  before(async () => {
    const up = await pipeline.startUp()
    const client = pipeline.startGateway()
    await client.initialize()
    for (let number = 0; number < 20; number++) await client.call('count', String(number))
    await client.kill('SIGTERM')
    const { code, errors } = await run(...REPAIR)
    assert.deepEqual([code, /DATA_LOCKED/.test(errors)], [5, true])
    await pipeline.stopUp(up)
    await damage()
  })

  it('does not start, and says how it is repaired', async () => {
    const { code, errors } = await run('up', '--port', '0')
    assert.notEqual(code, 0)
    assert.match(errors, /toolwarden repair/)
  })

  it('is repaired by a command that is killed five times, and then verifies and starts', async () => {
    assert.equal((await run('repair', '--dry-run')).code, 1)
    await repairUnderFire(pipeline, KILLED_AFTER_MS)
  })
})
