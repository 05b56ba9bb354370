// An honest run is stored, one thing is changed behind the ledger's back, and verification names what and where.
import assert from 'node:assert/strict'
import { after, before, beforeEach, describe, it } from 'node:test'
import { Trust } from '../../events/trust.ts'
import { verifyLedger } from '../../ledger/verify.ts'
import { verdictOf } from '../../ledger/verify-report.ts'
import { asStored, storeRecords, TEST_LOG } from '../support/ledger-harness.ts'
import { buildRun, RunBuilder } from '../support/run-builder.ts'
import { Tampering } from '../support/tampering.ts'

const OF_GATEWAY = "writer = 'gateway/files'"

let stored: Tampering
before(async () => {
  stored = await Tampering.open()
})
after(() => stored.close())
beforeEach(() => stored.clear())

describe('verifying an honest store', () => {
  it('is valid, and says how much was checked', async () => {
    await stored.storeHonestRun()
    const report = await stored.verify()
    assert.equal(verdictOf(report), 'valid')
    const { events, chains, appends, payloads, signals, calls, ranges } = report.counts
    assert.deepEqual(
      { events, chains, appends, payloads, signals, calls, ranges },
      { events: 19, chains: 2, appends: 12, payloads: 10, signals: 5, calls: 5, ranges: 1 },
    )
  })

  it('walks the chains that grew alone, where all before was valid, and still sees other bodies and columns', async () => {
    await stored.storeHonestRun()
    const { upToMicros } = await stored.verify()
    const more = buildRun({ seed: 2, key: stored.keys.gateway, writer: 'gateway/more' }, 2)
    await storeRecords(stored.store, stored.keys, [asStored(more.records)])
    const means = { store: stored.store, log: TEST_LOG, trust: stored.keys.trust, since: { upToMicros, leaves: 0 } }
    const grown = await verifyLedger(means)
    const { chains, calls } = grown.counts
    assert.deepEqual([verdictOf(grown), chains, calls], ['valid', 2, 2])
    await stored.update("tool = 'other'", "writer = 'gateway/more' AND sequence = 3")
    await stored.update("body = replaceOne(body, 'files', 'FILES')", `${OF_GATEWAY} AND sequence = 3`)
    const found = (await verifyLedger(means)).violations.map(({ code, sequence }) => [code, sequence])
    assert.deepEqual(found.slice(0, 2).toSorted(), [
      ['column-mismatch', 3],
      ['hash-mismatch', 3],
    ])
  })

  it('is valid when nothing is stored', async () => {
    assert.equal(verdictOf(await stored.verify()), 'valid')
  })

  it('lists an allowed call without receipt as open, and no denied, escalated or answered one', async () => {
    const run = await stored.storeHonestRun((built) => {
      built.call({ receipt: false })
      built.call({ decision: 'deny' })
      built.call({ decision: 'escalate' })
    })
    const report = await stored.expectViolations()
    assert.deepEqual(
      report.openCalls.map(({ call, state }) => [call, state]),
      [[run.calls[5]?.call, 'allowed']],
    )
  })

  it('takes the receipt that a later run of the gateway wrote', async () => {
    const run = buildRun({ seed: 1, key: stored.keys.gateway }, 0)
    run.call({ receipt: false })
    const [open] = run.calls
    const later = new RunBuilder({ seed: 2, key: stored.keys.gateway })
    later.open()
    later.closeCall({ call: open?.call ?? '', parent: open?.decide.hash ?? '', status: 'ambiguous' })
    await storeRecords(stored.store, stored.keys, [asStored(run.records), asStored(later.records)])
    assert.equal((await stored.expectViolations()).counts.openCalls, 0)
  })

  it('takes rows that were stored twice as the same evidence', async () => {
    await stored.storeHonestRun()
    await stored.insertCopies('1 AS after_gap', '1')
    await stored.expectViolations()
  })

  it('reads in pages, and reports its progress', async () => {
    const run = buildRun({ seed: 1, key: stored.keys.gateway }, 700)
    await storeRecords(stored.store, stored.keys, [asStored(run.records)])
    const seen: number[] = []
    const onProgress = ({ rows, total }: { rows: number; total: number }): void => void seen.push(rows, total)
    const report = await verifyLedger({ store: stored.store, log: TEST_LOG, trust: stored.keys.trust, onProgress })
    assert.deepEqual([report.counts.events, report.violations, seen], [2104, [], [2000, 2104, 2104, 2104]])
  })

  it('stops when it is told to', async () => {
    await stored.storeHonestRun()
    const signal = AbortSignal.abort(new Error('enough'))
    await assert.rejects(
      verifyLedger({ store: stored.store, log: TEST_LOG, trust: stored.keys.trust, signal }),
      /enough/,
    )
  })
})

describe('verifying bodies and columns', () => {
  it('names exactly the event of which one byte was changed', async () => {
    const run = await stored.storeHonestRun()
    await stored.update("body = replaceOne(body, 'test-client', 'test-clienz')", `${OF_GATEWAY} AND sequence = 7`)
    const report = await stored.expectViolations(['hash-mismatch', 7])
    assert.equal(report.violations[0]?.chain, run.chain)
    assert.equal(report.violations[0]?.position, `events/${run.chain}/6`)
    assert.equal(verdictOf(report), 'tampered')
  })

  for (const [column, value] of [
    ['tool', "'write_file'"],
    ['decision', "'deny'"],
    ['time', "'2020-01-01T00:00:00.000000Z'"],
    ['range_to', '7'],
  ])
    it(`names the event whose column ${column} was changed, although the chain holds`, async () => {
      await stored.storeHonestRun()
      await stored.update(`${column} = ${value}`, `${OF_GATEWAY} AND sequence = 4`)
      const report = await stored.expectViolations(['column-mismatch', 4])
      assert.match(report.violations[0]?.text ?? '', new RegExp(column ?? ''))
    })

  it('sees a body whose hash was recomputed with it', async () => {
    await stored.storeHonestRun()
    const body = "replaceOne(body, 'test-client', 'test-clienz')"
    const hash = `lower(hex(SHA256(concat(unhex('00'), ${body}))))`
    const where = `${OF_GATEWAY} AND sequence = 7`
    await stored.insertCopies(`${body} AS body, 'test-clienz' AS client, ${hash} AS hash`, where)
    await stored.remove(`${OF_GATEWAY} AND sequence = 7 AND client = 'test-client'`)
    const codes = (await stored.verify()).violations.map(({ code, sequence }) => `${code} ${sequence}`)
    assert.deepEqual(codes, [
      'signature-invalid 7',
      'link-broken 8',
      'receipt-of-another-decision 8',
      'range-mismatch 2',
    ])
  })
})

describe('verifying chains', () => {
  it('names the event that was deleted, and the range that says it was there', async () => {
    await stored.storeHonestRun()
    await stored.remove(`${OF_GATEWAY} AND sequence = 7`)
    await stored.expectViolations(['event-missing', 7], ['range-mismatch', 2])
  })

  it('sees a tail that was cut, by the statement about it', async () => {
    await stored.storeHonestRun()
    await stored.remove(`${OF_GATEWAY} AND sequence > 14`)
    await stored.expectViolations(['range-mismatch', 2])
  })

  it('sees an event that was taken for a fork or for quarantined', async () => {
    await stored.storeHonestRun()
    await stored.update("outcome = 'fork'", `${OF_GATEWAY} AND sequence = 4`)
    const codes = (await stored.verify()).violations.map(({ code }) => code)
    assert.ok(codes.includes('fork') && codes.includes('event-missing'), codes.join())
  })

  it('tells a gap that was there when the events came from events that are gone', async () => {
    const run = buildRun({ seed: 1, key: stored.keys.gateway }, 5)
    await storeRecords(stored.store, stored.keys, [asStored([...run.records.slice(0, 7), ...run.records.slice(8)])])
    const report = await stored.expectViolations(['gap-open', 8])
    assert.equal(verdictOf(report), 'incomplete')
    await stored.remove(`${OF_GATEWAY} AND sequence = 11`)
    assert.equal(verdictOf(await stored.verify()), 'tampered')
  })

  it('is valid again after what was missing came late', async () => {
    const run = buildRun({ seed: 1, key: stored.keys.gateway }, 5)
    const all = asStored([...run.records.slice(0, 7), ...run.records.slice(8), ...run.records.slice(7, 8)])
    await storeRecords(stored.store, stored.keys, [all.slice(0, -1), all.slice(-1)])
    const report = await stored.expectViolations()
    assert.equal(report.counts.late, 1)
  })

  it('calls a late event that was deleted missing, not a gap', async () => {
    const run = buildRun({ seed: 1, key: stored.keys.gateway }, 5)
    const all = asStored([...run.records.slice(0, 7), ...run.records.slice(8), ...run.records.slice(7, 8)])
    await storeRecords(stored.store, stored.keys, [all.slice(0, -1), all.slice(-1)])
    await stored.remove(`${OF_GATEWAY} AND sequence = 8`)
    assert.deepEqual((await stored.verify()).violations[0]?.code, 'event-missing')
  })

  it('reports a fork that ingest found', async () => {
    const run = buildRun({ seed: 1, key: stored.keys.gateway }, 2)
    const fork = run.fork(3)
    fork.call({ tool: 'other' })
    await storeRecords(stored.store, stored.keys, [asStored(run.records), asStored(fork.records, 'elsewhere')])
    const report = await stored.verify()
    assert.deepEqual([...new Set(report.violations.map(({ code }) => code))], ['fork'])
  })
})

describe('verifying signatures', () => {
  it('names the event whose signature was stripped', async () => {
    await stored.storeHonestRun()
    await stored.update("signature = ''", `${OF_GATEWAY} AND sequence = 7`)
    await stored.expectViolations(['signature-missing', 7], ['range-mismatch', 2])
  })

  it('names the event whose signature is another one', async () => {
    await stored.storeHonestRun()
    await stored.update(
      "signature = concat(substring(signature, 1, 20), 'ff', substring(signature, 23))",
      `${OF_GATEWAY} AND sequence = 7`,
    )
    await stored.expectViolations(['signature-invalid', 7], ['range-mismatch', 2])
  })

  it('believes no key that the trust list does not hold', async () => {
    await stored.storeHonestRun()
    const report = await verifyLedger({ store: stored.store, log: TEST_LOG, trust: new Trust([]) })
    assert.deepEqual(
      report.violations.map(({ code }) => code),
      ['key-untrusted', 'key-untrusted'],
    )
  })
})
