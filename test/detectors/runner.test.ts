// The detectors' role from the log to the gateways' view of control, on real files.
import assert from 'node:assert/strict'
import { afterEach, beforeEach, describe, it } from 'node:test'
import { until } from '../support/until.ts'
import { RunnerHarness } from './runner-harness.ts'

let harness: RunnerHarness
beforeEach(async () => {
  harness = await RunnerHarness.create()
})
afterEach(() => harness.remove())

describe('startDetectors', () => {
  it('turns a sweep into one alert and one rule that a gateway sees, with its causes', async () => {
    const detectors = await harness.detect()
    await detectors.live
    await harness.sweep(harness.writer(), 20)
    await until(() => harness.rules().length === 1)
    const [alert, ...others] = await harness.events('alert/raised')
    assert.deepEqual(others, [])
    const rule = harness.rules()[0]
    assert.equal(alert?.detector, 'read-spike')
    assert.equal(alert?.rule, rule?.id)
    assert.equal(rule?.cause.alert, alert?.alert)
    assert.equal(rule?.action, 'deny')
    const decides = await harness.events('authorization/decide')
    assert.equal(alert?.causes.length, 16)
    assert.equal(decides.length, 20)
    assert.equal((await harness.events('rule/added')).length, 1)
  })
})
