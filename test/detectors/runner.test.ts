// The detectors' role from the log to the gateways' view of control, on real files.
import assert from 'node:assert/strict'
import { writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, it } from 'node:test'
import type { Detector } from '../../detectors/detector.ts'
import { ZERO_HASH } from '../../events/chain.ts'
import { generateKey } from '../../events/keys.ts'
import { formatTime } from '../../events/time.ts'
import { until } from '../support/until.ts'
import { MortalLog } from './mortal-log.ts'
import { RunnerHarness } from './runner-harness.ts'

let harness: RunnerHarness
beforeEach(async () => {
  harness = await RunnerHarness.create()
})
afterEach(() => harness.remove())

async function subjects(): Promise<readonly string[]> {
  return (await harness.events('alert/raised')).map(({ subject }) => subject)
}

describe('startDetectors', () => {
  it('turns a sweep into one alert and one rule that a gateway sees, with its causes', async () => {
    const detectors = await harness.detect()
    await detectors.live
    await harness.sweep(harness.writer(), 20)
    await until(() => harness.rules().length === 1)
    const [alert, ...others] = await harness.events('alert/raised')
    assert.deepEqual(others, [])
    const rule = harness.rules()[0]
    assert.deepEqual([alert?.detector, rule?.action], ['read-spike', 'deny'])
    assert.equal(alert?.rule, rule?.id)
    assert.equal(rule?.cause.alert, alert?.alert)
    assert.equal(alert?.causes.length, 16)
    assert.equal((await harness.events('rule/added')).length, 1)
  })

  it('brings the rule to a gateway within 100 ms of the record that led to it', async (context) => {
    const detectors = await harness.detect({ settings: { readSpike: { distinctReads: 1 } } })
    await detectors.live
    const gateway = harness.writer()
    const millis: number[] = []
    for (let index = 0; index < 40; index++) {
      const caller = { session: `s${index}`, principal: `agent:${index}` }
      await harness.sweep(gateway, 1, caller)
      await harness.call(gateway, { ...caller, arguments: { path: '/last' }, status: 'none' })
      const start = performance.now()
      await until(() => harness.rules().some(({ scope }) => scope.session === caller.session))
      millis.push(performance.now() - start)
    }
    const [median = 0, most = 0] = [20, 39].map((place) => millis.toSorted((left, right) => left - right)[place])
    context.diagnostic(
      `record durable to rule in view: median ${median.toFixed(1)} ms, most ${most.toFixed(1)} ms of 40`,
    )
    assert.ok(median < 100, `${median} ms`)
  })

  it('acts on no event of an untrusted key, and alerts on its quarantine', async () => {
    const detectors = await harness.detect()
    await detectors.live
    await harness.sweep(harness.writer('gateway/files', generateKey()), 20)
    await until(() => detectors.stats().unverified > 40)
    assert.deepEqual(await subjects(), [])
    const found = { partition: 'p', offset: 1, chain: 'c', reason: 'no trusted key', digest: ZERO_HASH, bytes: 1 }
    await harness.writer('ledger/main').append([{ draft: { type: 'ledger/quarantined', ...found, count: 60 } }])
    await until(async () => (await subjects()).length === 1)
    assert.deepEqual(await subjects(), ['quarantined records in partition p'])
  })

  it('alerts once on a forged control record that several gateways refused', async () => {
    const detectors = await harness.detect()
    await detectors.live
    const refused = { type: 'control/refused', subject: 'rule/x', reason: 'forged', digest: ZERO_HASH } as const
    for (const server of ['a', 'b'])
      await harness.writer(`gateway/${server}`).append([{ draft: { ...refused, server } }])
    await until(() => detectors.stats().events >= 4)
    await until(() => detectors.stats().alerts === 1)
    assert.deepEqual(await subjects(), ['control record rule/x'])
  })

  it('issues no rule again that an operator lifted, though the sweep goes on', async () => {
    const settings = { readSpike: { distinctReads: 2 }, feedback: { repeatMinutes: 1 } }
    const detectors = await harness.detect({ settings })
    await detectors.live
    const gateway = harness.writer()
    await harness.sweep(gateway, 3)
    await until(() => harness.rules().length === 1)
    const lifted = { rule: harness.rules()[0]?.id ?? '', by: 'user:o', reason: 'known job', revision: 1_000 }
    const expiresAt = formatTime(harness.clock.nowMicros() + 60_000_000)
    await harness.writer('api/main').append([{ draft: { type: 'rule/lifted', ...lifted, expiresAt } }])
    await until(() => detectors.stats().events >= 12)
    await harness.sweep(gateway, 9)
    await until(() => detectors.stats().events >= 39)
    assert.equal((await harness.events('rule/added')).length, 1)
  })

  it('sends a rule to control that was recorded when its process died', async () => {
    const eventLog = new MortalLog(harness.eventLog, { atAppend: 2, when: 'before' })
    const first = await harness.detect({ eventLog })
    await first.live
    await harness.sweep(harness.writer(), 16)
    await until(() => eventLog.isDead)
    assert.equal(harness.rules().length, 0)
    await (await harness.detect()).live
    await until(() => harness.rules().length === 1)
    assert.equal((await harness.events('rule/added')).length, 1)
  })

  it('reads the log anew when its saved state is damaged, says so, and repeats nothing', async () => {
    const first = await harness.detect()
    await first.live
    await harness.sweep(harness.writer(), 20)
    await until(() => harness.rules().length === 1)
    await first.stop()
    await writeFile(join(harness.root, 'detectors', 'detectors.json'), '{"format":1,"log":"test","digest":""}\n{}\n')
    const second = await harness.detect()
    await second.live
    await second.stop()
    assert.ok(harness.notices.some((notice) => notice.type === 'snapshot-unusable'))
    assert.equal((await subjects()).length, 1)
    assert.equal((await harness.events('rule/added')).length, 1)
  })
})

describe('a detector that throws', () => {
  const failing: Detector<null> = {
    name: 'failing',
    version: 1,
    initialState: null,
    observe: (state, { event }) => {
      if (event.type === 'authorization/decide' && event.session.startsWith('bad')) throw new Error('a defect')
      return { state, findings: [] }
    },
  }

  /** Detectors of which a start said that they are switched off. */
  const named = (): readonly string[] =>
    harness.notices.flatMap((notice) => (notice.type === 'isolated' ? [notice.detector] : []))

  it('escalates the session, and is switched off with a critical alert after three failures', async () => {
    const detectors = await harness.detect({ detectors: [failing] })
    await detectors.live
    const gateway = harness.writer()
    for (const session of ['bad1', 'good', 'bad2', 'bad3', 'bad4']) await harness.call(gateway, { session })
    await until(() => harness.rules().length === 3)
    assert.deepEqual(
      harness.rules().map(({ action }) => action),
      Array(3).fill('escalate'),
    )
    assert.deepEqual(
      harness
        .rules()
        .map(({ scope }) => scope.session)
        .toSorted(),
      ['bad1', 'bad2', 'bad3'],
    )
    await until(async () => (await subjects()).length === 4)
    const isolated = (await harness.events('alert/raised')).find(({ severity }) => severity === 'critical')
    assert.equal(isolated?.subject, 'detector failing is switched off')
    assert.equal(detectors.stats().state, 'live')
  })

  it('is named at each start while it is switched off, until its next version', async () => {
    const first = await harness.detect({ detectors: [failing] })
    await first.live
    const gateway = harness.writer()
    for (const session of ['bad1', 'bad2', 'bad3']) await harness.call(gateway, { session })
    await until(() => first.figures().isolated.length === 1)
    await first.stop()
    assert.deepEqual(named(), [])
    await (await harness.detect({ detectors: [failing] })).stop()
    assert.deepEqual(named(), ['failing'])
    await (await harness.detect({ detectors: [{ ...failing, version: 2 }] })).stop()
    assert.deepEqual(named(), ['failing'])
  })
})
