// Beside the chains: payloads, calls, quarantine and statements. An honest run is stored, one thing is changed behind the ledger's back, and verification names what and where.
import assert from 'node:assert/strict'
import { after, before, beforeEach, describe, it } from 'node:test'
import { asStored, storeRecords } from '../support/ledger-harness.ts'
import { buildRun } from '../support/run-builder.ts'
import { Tampering } from '../support/tampering.ts'

const OF_GATEWAY = "writer = 'gateway/files'"

let stored: Tampering
before(async () => {
  stored = await Tampering.open()
})
after(() => stored.close())
beforeEach(() => stored.clear())

describe('verifying payloads', () => {
  it('names the event whose payload was deleted', async () => {
    const run = await stored.storeHonestRun()
    await stored.remove(`hash = '${run.calls[1]?.receipt?.hash}'`, 'payloads')
    await stored.expectViolations(['payload-missing', 8])
  })

  it('names the event whose payload or signals were changed', async () => {
    const run = await stored.storeHonestRun()
    const change = "recorded = base64Encode('other'), signals = base64Encode('{}')"
    await stored.update(change, `hash = '${run.calls[1]?.propose.hash}'`, 'payloads')
    await stored.expectViolations(['payload-mismatch', 6], ['signals-mismatch', 6])
  })

  it('does not take a tombstone for an erasure without its event', async () => {
    const run = await stored.storeHonestRun()
    const hash = run.calls[1]?.propose.hash
    await stored.update("recorded = '', signals = '', erased_by = hash", `hash = '${hash}'`, 'payloads')
    await stored.expectViolations(['payload-missing', 6], ['signals-missing', 6])
  })
})

describe('verifying calls', () => {
  it('sees a receipt after a denial', async () => {
    await stored.storeHonestRun((run) => {
      run.call({ decision: 'deny' })
      const [denied] = run.calls.slice(-1)
      run.closeCall({ call: denied?.call ?? '', parent: denied?.decide.hash ?? '' })
    })
    await stored.expectViolations(['receipt-after-deny', 20])
  })

  it('sees a receipt that hangs on the decision about another call', async () => {
    await stored.storeHonestRun((run) => {
      run.call({ receipt: false })
      run.call({ receipt: false })
      const [first, second] = run.calls.slice(-2)
      run.closeCall({ call: first?.call ?? '', parent: second?.decide.hash ?? '' })
    })
    await stored.expectViolations(['receipt-of-another-decision', 22])
  })

  it('sees a second receipt, and one of a call that nobody decided', async () => {
    await stored.storeHonestRun((run) => {
      const [first] = run.calls
      run.closeCall({ call: first?.call ?? '', parent: first?.decide.hash ?? '' })
      run.closeCall({ call: '01a20357-9080-7668-9f3b-62d57bfc4935', parent: '0'.repeat(64) })
    })
    await stored.expectViolations(['receipt-repeated', 18], ['receipt-without-decide', 19])
  })
})

describe('verifying a receipt that another run wrote', () => {
  const closings = [
    { what: 'ambiguous, by a run of the same writer', writer: 'gateway/files', status: 'ambiguous', found: [] },
    {
      what: 'ok, by a run of the same writer',
      writer: 'gateway/files',
      status: 'ok',
      found: ['receipt-of-another-decision'],
    },
    {
      what: 'ambiguous, by another writer',
      writer: 'gateway/other',
      status: 'ambiguous',
      found: ['receipt-without-decide'],
    },
  ] as const
  for (const { what, writer, status, found } of closings)
    it(`${found.length === 0 ? 'passes' : 'names'} one that says ${what}`, async () => {
      const died = buildRun({ seed: 1, key: stored.keys.gateway }, 2)
      died.call({ receipt: false })
      const [open] = died.calls.slice(-1)
      const next = buildRun({ seed: 2, key: stored.keys.gateway, writer }, 0)
      next.closeCall({ call: open?.call ?? '', parent: open?.decide.hash ?? '', status })
      await storeRecords(stored.store, stored.keys, [asStored(died.records), asStored(next.records)])
      const { violations } = await stored.verify()
      assert.deepEqual(
        violations.map(({ code }) => code),
        found,
      )
    })
})

describe('verifying quarantine and statements', () => {
  const garbage = [{ key: 'x', value: Buffer.from('not an event'), headers: {} }]

  it('is valid with quarantined messages, and counts them', async () => {
    await storeRecords(stored.store, stored.keys, [asStored(garbage)])
    assert.equal((await stored.expectViolations()).counts.quarantined, 1)
  })

  it('misses bytes that were purged, by the event that speaks of them', async () => {
    await storeRecords(stored.store, stored.keys, [asStored(garbage)])
    await stored.remove('1', 'quarantine')
    await stored.expectViolations(['quarantine-missing', 2], ['quarantine-missing', undefined])
  })

  it('sees bytes that were exchanged', async () => {
    await storeRecords(stored.store, stored.keys, [asStored(garbage)])
    await stored.update("raw = base64Encode('harmless')", '1', 'quarantine')
    await stored.expectViolations(['quarantine-altered', undefined])
  })

  it('sees a row that the ledger did not announce', async () => {
    const run = await stored.storeHonestRun()
    await stored.insertCopies('1000 AS offset', `${OF_GATEWAY} AND sequence = 5`)
    const report = await stored.expectViolations(['row-unannounced', 5])
    assert.equal(report.violations[0]?.position, `events/${run.chain}/1000`)
  })

  it('sees a chain that was forged into the table', async () => {
    await stored.storeHonestRun()
    const forged = "'gateway/forged' AS writer, 'gateway/forged/x' AS partition"
    await stored.insertCopies(forged, `${OF_GATEWAY} AND sequence <= 2`)
    const codes = new Set((await stored.verify()).violations.map(({ code }) => code))
    assert.deepEqual([...codes], ['column-mismatch', 'key-untrusted', 'row-unannounced'])
  })
})
