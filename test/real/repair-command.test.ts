// `toolwarden repair` as its user runs it: refused while `up` runs, killed again and again, and in the end all is well.
import assert from 'node:assert/strict'
import { join } from 'node:path'
import { after, before, describe, it } from 'node:test'
import { setTimeout as wait } from 'node:timers/promises'
import { openClickHouse } from '../../ledger/clickhouse-connection.ts'
import type { CommandEnd } from '../support/command.ts'
import { Pipeline } from '../support/pipeline.ts'

/** When the repair is killed, milliseconds after its start: it loads, compares, puts aside, puts right. */
const KILLED_AFTER_MS = [1_000, 1_500, 1_800, 2_100, 2_500]
const REPAIR = ['repair', '--reason', 'a test']

const pipeline = new Pipeline()
after(() => pipeline.remove())

function run(...args: readonly string[]): Promise<CommandEnd> {
  return pipeline.start(args).ended
}

async function damage(): Promise<void> {
  const { ingest, close } = await openClickHouse({ directory: join(pipeline.data, 'store') })
  const sync = 'SETTINGS mutations_sync = 2'
  await ingest.command(`ALTER TABLE events UPDATE tool = 'other' WHERE type = 'authorization/decide' ${sync}`)
  await ingest.command(`ALTER TABLE events DELETE WHERE type = 'authorization/receipt' ${sync}`)
  await ingest.command('TRUNCATE TABLE payloads')
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
    for (const afterMs of KILLED_AFTER_MS) {
      const command = pipeline.start(REPAIR)
      await Promise.race([wait(afterMs), command.ended])
      await command.kill('SIGKILL')
    }
    const last = await run(...REPAIR, '--json')
    assert.equal(last.code, 0, last.output + last.errors)
    assert.equal((await pipeline.verify()).code, 0)
    const up = await pipeline.startUp()
    const { items } = await pipeline.get<{ items: unknown[] }>(up, '/v1/events?type=ledger/repaired')
    assert.equal(items.length, 1)
    await pipeline.stopUp(up)
    assert.equal((await pipeline.verify()).code, 0)
    assert.match((await run(...REPAIR)).output, /nothing to repair/)
  })
})
