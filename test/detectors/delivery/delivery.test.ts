// The delivery over a real log: only what detectors and operators really wrote is told, at least once, also over restarts.
import assert from 'node:assert/strict'
import { join } from 'node:path'
import { after, before, describe, it } from 'node:test'
import { DeadLetters } from '../../../detectors/delivery/dead-letters.ts'
import { AlertDelivery, type DeliveryNotice } from '../../../detectors/delivery/delivery.ts'
import type { Attempt, Destination } from '../../../detectors/delivery/destination.ts'
import { alertSettings } from '../../../detectors/delivery/settings.ts'
import type { ChainWriter } from '../../../events/chain-writer.ts'
import { generateKey } from '../../../events/keys.ts'
import { derivedId } from '../../../events/time.ts'
import { until } from '../../support/until.ts'
import { RunnerHarness } from '../runner-harness.ts'

let harness: RunnerHarness
let detectors: ChainWriter
let directory: string
let alerts = 0
before(async () => {
  harness = await RunnerHarness.create()
  detectors = harness.writer('detectors/main', harness.keys['detectors/main'])
  directory = join(harness.root, 'deliveries')
})
after(() => harness.remove())

async function raise(writer = detectors, severity: 'low' | 'high' = 'high'): Promise<string> {
  const alert = derivedId('test', String(++alerts))
  const found = { detector: 'read-spike', severity, score: 900, subject: 'a subject', explanation: 'x', causes: [] }
  await writer.append([{ draft: { type: 'alert/raised', alert, ...found } }])
  return alert
}

/** A destination that keeps what it is told. */
class Told implements Destination {
  readonly name = 'told'
  readonly attempts: number
  readonly alerts: string[] = []
  readonly #answer: () => Attempt
  readonly selection: Destination['selection']

  constructor(answer: () => Attempt = () => ({ type: 'delivered' }), { attempts = 3, minSeverity = 'low' } = {}) {
    this.#answer = answer
    this.attempts = attempts
    this.selection = alertSettings.parse({ siem: { file: '/x', minSeverity } }).siem ?? assert.fail()
  }

  async send({ alert }: { readonly alert: string }): Promise<Attempt> {
    this.alerts.push(alert)
    return this.#answer()
  }
}

function start(destination: Destination, onNotice: (notice: DeliveryNotice) => void = () => undefined) {
  const { eventLog, clock, trust } = harness
  const parts = {
    eventLog,
    clock,
    log: 'test',
    trust,
    directory,
    destinations: [destination],
    random: () => 0.5,
    onNotice,
  }
  return AlertDelivery.start(parts)
}

describe('delivery', () => {
  it('tells what is raised from its first start on, and nothing older', async () => {
    await raise()
    // The log's times are milliseconds: the start is to be in a later one.
    const raisedMs = Date.now()
    await until(() => Date.now() > raisedMs + 1)
    const told = new Told()
    const delivery = await start(told)
    const alert = await raise()
    await until(() => told.alerts.length > 0)
    await delivery.stop()
    assert.deepEqual(told.alerts, [alert])
  })

  it('tells after a restart what was raised meanwhile, and nothing twice', async () => {
    const alert = await raise()
    const told = new Told()
    const delivery = await start(told)
    await until(() => told.alerts.length > 0)
    await delivery.stop()
    await (await start(told)).stop()
    assert.deepEqual(told.alerts, [alert])
  })

  it('keeps what failed over a restart', async () => {
    const failing = new Told(() => ({ type: 'failed', reason: 'no' }))
    const first = await start(failing)
    const alert = await raise()
    await until(() => failing.alerts.length === 1)
    await first.stop()
    const again = await start(new Told())
    assert.deepEqual(
      again.stats().map(({ waiting }) => waiting),
      [1],
    )
    await again.stop()
    assert.equal(failing.alerts[0], alert)
  })

  it('does not tell what others sign in the name of the detectors', async () => {
    const told = new Told()
    const delivery = await start(told)
    await raise(harness.writer('detectors/main', generateKey()))
    const alert = await raise()
    await until(() => told.alerts.includes(alert))
    await delivery.stop()
    assert.deepEqual(
      told.alerts.filter((each) => each === derivedId('test', String(alerts - 1))),
      [],
    )
  })

  it('tells a destination what it asked for alone, and of what operators did', async () => {
    const told = new Told(undefined, { minSeverity: 'high' })
    const delivery = await start(told)
    const api = harness.writer('api/main')
    await raise(detectors, 'low')
    const alert = await raise()
    await api.append([{ draft: { type: 'alert/updated', alert, state: 'closed', by: 'user:ann', reason: 'known' } }])
    await until(() => told.alerts.filter((each) => each === alert).length === 2)
    await delivery.stop()
    assert.ok(!told.alerts.includes(derivedId('test', String(alerts - 1))))
  })

  it('keeps as a dead letter what failed for good, and sends it again when asked', async () => {
    const notices: DeliveryNotice[] = []
    const down = new Told(() => ({ type: 'failed', reason: 'down' }), { attempts: 1 })
    const first = await start(down, (notice) => notices.push(notice))
    const alert = await raise()
    const letters = new DeadLetters(directory)
    await until(async () => (await letters.list()).some(({ notice }) => notice.alert === alert))
    await first.stop()
    const letter = (await letters.list()).find(({ notice }) => notice.alert === alert) ?? assert.fail()
    await letters.askAgain('told', letter.notice.id)
    const told = new Told()
    const second = await start(told)
    await until(() => told.alerts.includes(alert))
    await second.stop()
    assert.ok(notices.some((notice) => notice.type === 'dead-letter' && notice.alert === alert))
    assert.deepEqual([await letters.list(), await letters.listAsked()], [[], []])
  })
})
