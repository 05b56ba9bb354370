// The quick check inside the store: what one statement sees of a change, named by chain and sequence; and what it leaves.
import assert from 'node:assert/strict'
import { after, before, beforeEach, describe, it } from 'node:test'
import { verifyQuickly } from '../../ledger/verify-quick.ts'
import { verdictOf } from '../../ledger/verify-report.ts'
import { asStored, storeRecords } from '../support/ledger-harness.ts'
import { buildRun } from '../support/run-builder.ts'
import { Tampering } from '../support/tampering.ts'

let stored: Tampering
before(async () => {
  stored = await Tampering.open()
})
after(() => stored.close())
beforeEach(() => stored.clear())

const AT_SEVEN = "writer = 'gateway/files' AND sequence = 7"

async function found(): Promise<readonly string[]> {
  const { violations } = await verifyQuickly(stored.store)
  return violations.map(({ code, sequence }) => `${code} ${sequence}`)
}

describe('the quick check', () => {
  it('finds nothing in an honest store, and counts it', async () => {
    await stored.storeHonestRun()
    const report = await verifyQuickly(stored.store)
    assert.deepEqual([report.violationCount, report.violations, verdictOf(report)], [0, [], 'valid'])
    assert.deepEqual([report.counts.events, report.counts.chains], [19, 2])
  })

  it('takes rows that were stored twice as the same evidence', async () => {
    const { records } = buildRun({ seed: 1, key: stored.keys.gateway }, 2)
    await storeRecords(stored.store, stored.keys, [asStored(records)])
    await storeRecords(stored.store, stored.keys, [asStored(records)])
    assert.deepEqual(await found(), [])
  })

  it('names the event whose body changed by one byte', async () => {
    await stored.storeHonestRun()
    await stored.update(
      "body = replaceOne(body, 'tools/call', 'tools/cull')",
      "sequence = 3 AND writer = 'gateway/files'",
    )
    assert.deepEqual(await found(), ['hash-mismatch 3'])
  })

  it('names the event whose columns say something else', async () => {
    await stored.storeHonestRun()
    await stored.update("previous = repeat('a', 64)", AT_SEVEN)
    assert.deepEqual(await found(), ['column-mismatch 7', 'link-broken 7'])
  })

  it('names the link after an event that was rewritten with its own hash', async () => {
    await stored.storeHonestRun()
    const rewritten = 'replaceOne(body, \'"durationMicros":\', \'"durationMicros":777\')'
    await stored.insertCopies(`${rewritten} AS body, lower(hex(SHA256(concat('\\0', ${rewritten})))) AS hash`, RECEIPT)
    await stored.remove(`${RECEIPT} AND position(body, '"durationMicros":777') = 0`)
    assert.deepEqual(await found(), ['link-broken 6'])
  })

  it('names the event after one that is gone', async () => {
    await stored.storeHonestRun()
    await stored.remove(AT_SEVEN)
    assert.deepEqual(await found(), ['event-missing 8'])
  })

  it('leaves a changed signature to the whole verification', async () => {
    await stored.storeHonestRun()
    await stored.update("signature = repeat('00', 164)", "signature != '' AND writer = 'gateway/files'")
    assert.deepEqual(await found(), [])
  })
})

/** The receipt of the first call: event 5 of the run. */
const RECEIPT = "writer = 'gateway/files' AND sequence = 5"
