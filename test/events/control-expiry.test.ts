// What stands on `control` and is long over is kept neither by the log nor by its readers; all else is.
import assert from 'node:assert/strict'
import { afterEach, beforeEach, describe, it } from 'node:test'
import { isRecordLongOver } from '../../events/control-expiry.ts'
import { formatTime } from '../../events/time.ts'
import { FileLogBench } from '../support/file-log-bench.ts'

const NOW_MICROS = Date.UTC(2026, 10, 22, 13) * 1000
const MINUTE = 60_000_000

function over(key: string, body: object | string, nowMicros = NOW_MICROS): boolean {
  const value = Buffer.from(typeof body === 'string' ? body : JSON.stringify(body))
  return isRecordLongOver({ key, value }, nowMicros)
}

function ruleUntil(micros: number): object {
  return { type: 'rule/added', rule: { expiresAt: formatTime(micros) } }
}

describe('a record of control', () => {
  it('is long over five minutes after the end of its rule', () => {
    assert.equal(over('rule/a', ruleUntil(NOW_MICROS - 5 * MINUTE)), false)
    assert.equal(over('rule/a', ruleUntil(NOW_MICROS - 5 * MINUTE - 1)), true)
  })

  it('of a lift or a verdict is long over after a day', () => {
    for (const type of ['rule/lifted', 'approval/verdict', 'policy/accepted']) {
      const ended = (minutes: number) => ({ type, expiresAt: formatTime(NOW_MICROS - minutes * MINUTE) })
      assert.deepEqual([over('x', ended(24 * 60)), over('x', ended(24 * 60 + 1))], [false, true])
    }
  })

  it('is never over where it has no end, says none, or is not understood', () => {
    const past = '2020-01-01T00:00:00.000000Z'
    for (const body of [
      { type: 'switch/stopped', expiresAt: past },
      { type: 'pin/approved', expiresAt: past },
      { type: 'rule/added', expiresAt: past },
      { type: 'rule/added', rule: { expiresAt: 'yesterday' } },
      { type: 'rule/lifted', expiresAt: 7 },
      'null',
      '{',
    ])
      assert.equal(over('x', body), false, JSON.stringify(body))
    assert.equal(over('state/detectors/main', ruleUntil(0)), false)
  })
})

describe('a compacted topic that is told what is over', () => {
  let bench: FileLogBench
  beforeEach(async () => {
    bench = await FileLogBench.create()
  })
  afterEach(() => bench.remove())

  const isOver = ({ value }: { readonly value: Uint8Array }): boolean => Buffer.from(value).includes('over')

  it('lets go of it when it is shortened, and when the next run takes over', async () => {
    const first = bench.open({ compactBytes: 300, isOver })
    const put = (run: string, key: string, text: string, log = first) =>
      log.append('control', [{ key, value: Buffer.from(text), headers: {} }], {
        deadlineMs: 5_000,
        chain: `detectors/main/${run}`,
      })
    for (let index = 0; index < 30; index++) await put('run-1', `rule/${index}`, index === 7 ? 'stays' : 'over')
    assert.ok((await keys()).length < 20)
    await first.close()
    const second = bench.open({ isOver })
    await put('run-2', 'rule/new', 'stays', second)
    assert.deepEqual(await keys(), ['rule/7', 'rule/new'])
  })

  async function keys(): Promise<readonly string[]> {
    const found: string[] = []
    const reading = await bench.open().latest('control', ({ key }) => void found.push(key))
    await reading.caughtUp
    await reading.stop()
    return found.toSorted()
  }
})
