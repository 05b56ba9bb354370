// What the ledger says of positions that the log cannot give any more, and of batches that hold nothing new.
import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { verifyRecords } from '../../events/chain-verifier.ts'
import { ToolwardenError } from '../../events/errors.ts'
import { batchRows } from '../../ledger/batch-rows.ts'
import { expiredFinding, findings } from '../../ledger/findings.ts'
import { asStored, createTestKeys, TEST_LOG } from '../support/ledger-harness.ts'
import { RunBuilder } from '../support/run-builder.ts'

const RANGE = { topic: 'events', partition: 'gateway/files/p', from: 3, to: 9 } as const

describe('findings', () => {
  it('call an expired range a gap of offsets, with the reason', () => {
    const { type, chain, from, to, reason } = { chain: '', from: 0, to: 0, reason: '', ...expiredFinding(RANGE) }
    assert.deepEqual([type, chain, from, to], ['ledger/gap', 'events:gateway/files/p', 3, 9])
    assert.match(reason, /^expired/)
  })

  it('tell damage from age', () => {
    const damage = new ToolwardenError('LOG_CORRUPT', 'bad CRC')
    const finding = expiredFinding({ ...RANGE, damage })
    assert.equal(finding.type === 'ledger/gap' && finding.reason, 'damaged: bad CRC')
  })

  it('are the same whenever they are said again', () => {
    assert.deepEqual(expiredFinding(RANGE), expiredFinding(RANGE))
  })

  it('say nothing of what a ledger wrote, lest each statement cause the next', () => {
    const keys = createTestKeys()
    const run = new RunBuilder({ seed: 1, key: keys.ledger, writer: 'ledger/another' })
    run.open()
    const records = asStored(run.records)
    const context = { log: TEST_LOG, trust: keys.trust, headOf: () => undefined, hashAt: () => undefined }
    const { verdicts } = verifyRecords(records, context)
    assert.deepEqual(
      verdicts.map(({ outcome }) => outcome),
      ['accepted'],
    )
    assert.deepEqual(findings(records, verdicts, batchRows(records, verdicts).events), [])
  })
})
