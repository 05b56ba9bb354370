// What detectors and delivery say of themselves at /metrics, of a real run of both; and that docs/metrics.md leaves nothing out.
import assert from 'node:assert/strict'
import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { after, before, describe, it } from 'node:test'
import { Registry } from 'prom-client'
import { registerDeliveryMetrics } from '../../cli/delivery-metrics.ts'
import { registerDetectorMetrics } from '../../cli/detector-metrics.ts'
import { createDetectors } from '../../detectors/create.ts'
import { AlertDelivery } from '../../detectors/delivery/delivery.ts'
import type { Attempt, Destination } from '../../detectors/delivery/destination.ts'
import { alertSettings } from '../../detectors/delivery/settings.ts'
import type { Detector } from '../../detectors/detector.ts'
import { detectorSettings } from '../../detectors/settings.ts'
import type { RunningDetectors } from '../../detectors/start.ts'
import { RunnerHarness } from '../detectors/runner-harness.ts'
import { projectRoot } from '../support/project-root.ts'
import { until } from '../support/until.ts'

const BROKEN: Detector<null> = {
  name: 'broken',
  version: 1,
  initialState: null,
  observe: () => {
    throw new Error('as the test wants')
  },
}

describe('the metrics of detectors', () => {
  let harness: RunnerHarness
  let detectors: RunningDetectors
  const registry = new Registry()
  before(async () => {
    harness = await RunnerHarness.create()
    const working = createDetectors(detectorSettings.parse({})).filter(({ name }) => name === 'read-spike')
    detectors = await harness.detect({ detectors: [...working, BROKEN] })
    registerDetectorMetrics(registry, detectors)
    await detectors.live
    await harness.sweep(harness.writer(), 20)
    await until(() => harness.rules().some(({ action }) => action === 'deny'))
    await until(() => detectors.stats().waiting === 0 && detectors.stats().events > 60)
    // The detectors read control by themselves, after the harness perhaps.
    await until(async () => /^toolwarden_rules_in_force\{action="deny"\} 1$/m.test(await registry.metrics()))
  })
  after(() => harness.remove())

  it('say what was judged, when, and how late', async () => {
    const text = await registry.metrics()
    assert.match(text, /^toolwarden_detectors_live 1$/m)
    assert.match(text, /^toolwarden_detectors_events_total [6-9]\d$/m)
    assert.match(text, /^toolwarden_detectors_unverified_total 0$/m)
    const [, lag = 'none'] = text.match(/^toolwarden_detectors_lag_seconds (\S+)$/m) ?? []
    assert.ok(Number(lag) >= 0 && Number(lag) < 60, lag)
    const [, taken = 'none'] = text.match(/^toolwarden_detectors_taken_seconds (\S+)$/m) ?? []
    assert.ok(Math.abs(Number(taken) - Date.now() / 1000) < 60, taken)
  })

  it('count alerts and rules by detector, also when they are read again', async () => {
    await registry.metrics()
    const text = await registry.metrics()
    assert.match(text, /^toolwarden_detectors_alerts_total\{detector="read-spike",severity="high"\} 1$/m)
    assert.match(text, /^toolwarden_detectors_rules_total\{detector="read-spike",action="deny"\} 1$/m)
    assert.match(text, /^toolwarden_rules_in_force\{action="deny"\} 1$/m)
    assert.match(text, /^toolwarden_detectors_unpublished 0$/m)
  })

  it('name a detector that is switched off', async () => {
    const isolated = /^toolwarden_detectors_isolated\{detector="(\w+)"\} 1$/m.exec(await registry.metrics())
    assert.equal(isolated?.[1], 'broken')
  })

  it('say how large the saved state is', async () => {
    await detectors.stop()
    const [, bytes = 'none'] = (await registry.metrics()).match(/^toolwarden_detectors_state_bytes (\S+)$/m) ?? []
    assert.ok(Number(bytes) > 100, bytes)
    assert.match(await registry.metrics(), /^toolwarden_detectors_live 0$/m)
  })
})

describe('the metrics of the telling of alerts', () => {
  let harness: RunnerHarness
  before(async () => {
    harness = await RunnerHarness.create()
  })
  after(() => harness.remove())

  /** One notice is told to a destination that answers this; then what the metrics say of it, without their common beginning. */
  async function tell(attempt: Attempt, isSettled: (delivery: AlertDelivery) => boolean): Promise<readonly string[]> {
    const { siem } = alertSettings.parse({ siem: { file: '/x' } })
    const send = (): Promise<Attempt> => Promise.resolve(attempt)
    const destination: Destination = { name: 'told', attempts: 3, selection: siem ?? assert.fail(), send }
    const { eventLog, clock, trust } = harness
    const directory = join(harness.root, attempt.type, String('isFinal' in attempt))
    const parts = { eventLog, clock, trust, directory, log: 'test', random: () => 0.5, onNotice: () => undefined }
    const delivery = await AlertDelivery.start({ ...parts, destinations: [destination] })
    const registry = new Registry()
    registerDeliveryMetrics(registry, delivery)
    const found = { detector: 'read-spike', score: 900, subject: 's', explanation: 'x', causes: [] }
    const draft = { ...found, type: 'alert/raised', alert: 'a'.repeat(64), severity: 'high' } as const
    await harness.writer('detectors/main', harness.keys['detectors/main']).append([{ draft }])
    await until(() => isSettled(delivery))
    const lines = (await registry.metrics()).split('\n').filter((line) => /^toolwarden/.test(line))
    await delivery.stop()
    return lines.map((line) => line.replace('toolwarden_delivery_', '').replace('{destination="told"}', ''))
  }

  it('count what was taken, and say when', async () => {
    const lines = await tell({ type: 'delivered' }, (delivery) => delivery.stats()[0]?.delivered === 1)
    const counts = ['sent_total 1', 'retries_total 0', 'dead_letters_total 0', 'waiting 0', 'oldest_waiting_seconds 0']
    assert.deepEqual(lines.slice(0, 5), counts)
    assert.match(lines[5] ?? '', /^last_success_seconds 1\d{9}(\.\d+)?$/)
  })

  it('say what waits, how often it was tried, and for how long it waits', async () => {
    const failed = { type: 'failed', reason: 'down' } as const
    const lines = await tell(failed, (delivery) => delivery.stats()[0]?.retried === 1)
    assert.deepEqual(lines.slice(0, 4), ['sent_total 0', 'retries_total 1', 'dead_letters_total 0', 'waiting 1'])
    assert.match(lines[4] ?? '', /^oldest_waiting_seconds (0\.[0-9]*[1-9][0-9]*|[1-9]\d*(\.\d+)?)$/)
    assert.equal(lines[5], 'last_success_seconds 0')
  })

  it('count dead letters', async () => {
    const gone = { type: 'failed', reason: 'gone', isFinal: true } as const
    const lines = await tell(gone, (delivery) => delivery.stats()[0]?.waiting === 0 && delivery.stats()[0]?.dead === 1)
    assert.deepEqual(lines.slice(0, 4), ['sent_total 0', 'retries_total 0', 'dead_letters_total 1', 'waiting 0'])
  })
})

describe('docs/metrics.md', () => {
  it('lists each metric that there is, and no other', () => {
    const folders = ['api', 'cli', 'ledger', 'detectors', 'gateway', 'events']
    const sources = folders.flatMap((folder) =>
      readdirSync(join(projectRoot, folder), { recursive: true, encoding: 'utf8' })
        .filter((file) => file.endsWith('.ts'))
        .map((file) => readFileSync(join(projectRoot, folder, file), 'utf8')),
    )
    const registered = sources.flatMap((text) =>
      [...text.matchAll(/name: '(toolwarden_\w+)'/g)].map(([, name]) => name),
    )
    const page = readFileSync(join(projectRoot, 'docs/metrics.md'), 'utf8')
    const listed = [...page.matchAll(/^\| `(toolwarden_\w+)`/gm)].map(([, name]) => name)
    assert.deepEqual(listed.toSorted(), registered.toSorted())
  })
})
