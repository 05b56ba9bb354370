// The contract of claims on an event log, with what it alone can meet: lost answers, strangers on the topic, a topic made
// anew. On chDB, over HTTP and on a real Kafka broker: test/real/claims.test.ts.
import assert from 'node:assert/strict'
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { after, describe, it } from 'node:test'
import { LogClaims } from '../../ledger/log-claims.ts'
import { describeClaims, testClaim } from '../contract/claims.ts'
import { TEST_LOG, temporaryDirectory } from '../support/ledger-harness.ts'
import { type FaultHook, MemoryLog, MemoryStorage } from '../support/memory-log.ts'

const directory = temporaryDirectory()
const open: { close(): Promise<void> }[] = []

after(async () => {
  for (const each of open) await each.close()
  directory.remove()
})

function openLog(storage: MemoryStorage, fault?: FaultHook, memory = 'none.json'): LogClaims {
  const eventLog = new MemoryLog({ storage, ...(fault === undefined ? {} : { fault }) })
  const claims = new LogClaims({ eventLog, log: TEST_LOG, memory: join(directory.path, memory) })
  open.push(claims)
  return claims
}

describeClaims({
  name: 'event log',
  create: async () => {
    const storage = new MemoryStorage()
    return async () => openLog(storage)
  },
})

describe('claims on an event log', () => {
  for (const fault of ['lost', 'written', 'unavailable'] as const) {
    it(`are settled by asking again, when an append is ${fault}`, async () => {
      let isBroken = true
      const claims = openLog(new MemoryStorage(), () => (isBroken ? fault : 'none'))
      await assert.rejects(claims.replaceClaim(undefined, testClaim(1)), { code: 'STORE_UNAVAILABLE', retriable: true })
      isBroken = false
      assert.equal(await claims.replaceClaim(undefined, testClaim(1)), true)
      assert.equal(await claims.replaceClaim(testClaim(1), testClaim(2)), true)
    })
  }

  it('pay no heed to what others write to the topic, nor to the claims of another ledger', async () => {
    const storage = new MemoryStorage()
    const key = `sequencer/${TEST_LOG}`
    const foreign = { log: 'other', ...testClaim(7), after: null }
    for (const text of ['{', '{}', JSON.stringify(foreign), JSON.stringify({ ...foreign, log: TEST_LOG, after: 5 })])
      storage.write('checkpoints', key, [{ key, value: Buffer.from(text), headers: {} }])
    const claims = openLog(storage)
    assert.equal(await claims.findClaim(), undefined)
    assert.equal(await claims.replaceClaim(undefined, testClaim(1)), true)
  })

  it('go on after the place that was noted, and refuse a topic that is another', async () => {
    const storage = new MemoryStorage()
    const first = openLog(storage)
    for (let size = 0; size < 3; size++)
      await first.replaceClaim(size === 0 ? undefined : testClaim(size - 1), testClaim(size))
    writeFileSync(join(directory.path, 'noted.json'), JSON.stringify({ offset: 1, ...testClaim(1) }))
    const next = openLog(storage, undefined, 'noted.json')
    assert.equal((await next.findClaim())?.size, 2)
    writeFileSync(join(directory.path, 'foreign.json'), JSON.stringify({ offset: 1, ...testClaim(1, 8) }))
    await assert.rejects(openLog(storage, undefined, 'foreign.json').findClaim(), { code: 'TREE_INVALID' })
    await assert.rejects(openLog(new MemoryStorage(), undefined, 'noted.json').findClaim(), { code: 'TREE_INVALID' })
  })
})
