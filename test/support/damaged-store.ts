// A store damaged behind its ledger's back, and a repair of it that is killed again and again until it is left to end.
import assert from 'node:assert/strict'
import { setTimeout as wait } from 'node:timers/promises'
import type { Pipeline } from './pipeline.ts'

export const REPAIR = ['repair', '--reason', 'a test']

const SYNC = 'SETTINGS mutations_sync = 2'
/** A changed column, rows that are gone, a table that is empty. */
export const DAMAGE = [
  `ALTER TABLE events UPDATE tool = 'other' WHERE type = 'authorization/decide' ${SYNC}`,
  `ALTER TABLE events DELETE WHERE type = 'authorization/receipt' ${SYNC}`,
  'TRUNCATE TABLE payloads',
]

/** Kills repairs so many milliseconds after their start, then repairs, and sees that the store verifies, once repaired. */
export async function repairUnderFire(pipeline: Pipeline, killedAfterMs: readonly number[]): Promise<void> {
  for (const afterMs of killedAfterMs) {
    const command = pipeline.start(REPAIR)
    await Promise.race([wait(afterMs), command.ended])
    await command.kill('SIGKILL')
  }
  const last = await pipeline.start([...REPAIR, '--json']).ended
  assert.equal(last.code, 0, last.output + last.errors)
  assert.equal((await pipeline.verify()).code, 0)
  const up = await pipeline.startUp()
  const { items } = await pipeline.get<{ items: unknown[] }>(up, '/v1/events?type=ledger/repaired')
  assert.equal(items.length, 1)
  await pipeline.stopUp(up)
  assert.equal((await pipeline.verify()).code, 0)
  assert.match((await pipeline.start(REPAIR).ended).output, /nothing to repair/)
}
