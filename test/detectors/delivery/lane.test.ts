// The way to one destination: what fails comes again later, does not hold up the rest, and dies in the end.
import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { delayAfter } from '../../../detectors/delivery/back-off.ts'
import type { PendingNotice } from '../../../detectors/delivery/delivery-file.ts'
import type { Attempt } from '../../../detectors/delivery/destination.ts'
import { Lane, MAX_PENDING } from '../../../detectors/delivery/lane.ts'
import { alertSettings } from '../../../detectors/delivery/settings.ts'
import { until } from '../../support/until.ts'
import { raised } from './notices.ts'

const FAILED: Attempt = { type: 'failed', reason: 'as the test wants' }
const { siem: selection } = alertSettings.parse({ siem: { file: '/dev/null' } })
assert.ok(selection !== undefined)

/** A lane whose clock is moved by hand. */
class TestLane {
  readonly sent: string[] = []
  readonly dead: { readonly id: string; readonly reason: string }[] = []
  readonly failures: number[] = []
  nowMs = 1_000_000
  readonly lane: Lane

  constructor(answer: (id: string) => Attempt | Promise<Attempt>, pending: readonly PendingNotice[] = []) {
    this.lane = new Lane({
      destination: {
        name: 'test',
        selection: selection ?? assert.fail(),
        attempts: 3,
        send: async ({ id }) => {
          this.sent.push(id)
          return await answer(id)
        },
      },
      pending,
      nowMs: () => this.nowMs,
      random: () => 0.5,
      onChanged: () => undefined,
      onFailed: (_, failures) => this.failures.push(failures),
      onDead: async ({ notice }, reason) => {
        this.dead.push({ id: notice.id, reason })
      },
    })
  }

  /** Lets time pass until what waits is due. */
  async pass(seconds: number): Promise<void> {
    const before = this.sent.length
    this.nowMs += seconds * 1000
    this.lane.wake()
    await until(() => this.sent.length > before)
  }
}

function id(number: number): string {
  return String(number).padStart(64, '0')
}

describe('lane', () => {
  it('tries again after 5 s, then 30 s, and gives up after as many attempts as it has', async () => {
    const test = new TestLane(() => FAILED)
    await test.lane.add(raised())
    await until(() => test.failures.length === 1)
    await test.pass(5)
    await until(() => test.failures.length === 2)
    await test.pass(30)
    await until(() => test.lane.pending.length === 0)
    assert.deepEqual(test.dead, [{ id: raised().id, reason: 'as the test wants' }])
    assert.equal(test.sent.length, 3)
  })

  it('sends what comes after a failure at once', async () => {
    const test = new TestLane((sent) => (sent === id(1) ? FAILED : { type: 'delivered' }))
    await test.lane.add(raised({ id: id(1) }))
    await test.lane.add(raised({ id: id(2) }))
    await until(() => test.lane.delivered === 1)
    assert.deepEqual(test.sent, [id(1), id(2)])
    await test.lane.stop()
  })

  it('gives up at once where the receiver is gone for good', async () => {
    const test = new TestLane(() => ({ type: 'failed', reason: 'it answered 410', isFinal: true }))
    await test.lane.add(raised())
    await until(() => test.dead.length === 1)
    assert.equal(test.sent.length, 1)
  })

  it('takes a notice that waits already no second time, and has bounded room', async () => {
    const test = new TestLane(() => new Promise(() => undefined))
    for (let number = 0; number <= MAX_PENDING; number++) await test.lane.add(raised({ id: id(number) }))
    await test.lane.add(raised({ id: id(1) }))
    assert.equal(test.lane.pending.length, MAX_PENDING)
    assert.deepEqual(test.dead, [{ id: id(MAX_PENDING), reason: `${MAX_PENDING} notices wait already` }])
  })
})

describe('delays between attempts', () => {
  it('grow from seconds to hours, apart from each other, and never below what is asked for', () => {
    const delays = [1, 2, 3, 8, 20].map((failures) => delayAfter(failures, 0.5))
    assert.deepEqual(delays, [5_000, 30_000, 120_000, 14_400_000, 14_400_000])
    assert.deepEqual([delayAfter(1, 0), delayAfter(1, 1)], [4_000, 6_000])
    assert.equal(delayAfter(1, 0.5, 60_000), 60_000)
  })
})
