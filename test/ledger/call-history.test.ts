// Recorded calls out of the store: order, windows, what became of each, and arguments that somebody changed or removed.
import assert from 'node:assert/strict'
import { after, before, beforeEach, describe, it } from 'node:test'
import { readCallHistory } from '../../ledger/call-history.ts'
import { listCallWindows } from '../../ledger/call-windows.ts'
import type { RecordedCall } from '../../ledger/recorded-call.ts'
import { asStored, storeRecords } from '../support/ledger-harness.ts'
import { buildRun, type RunBuilder } from '../support/run-builder.ts'
import { Tampering } from '../support/tampering.ts'

let stored: Tampering
let run: RunBuilder

before(async () => {
  stored = await Tampering.open()
})
beforeEach(async () => {
  await stored.clear()
  run = await stored.storeHonestRun((building) => {
    building.call({ decision: 'deny', tool: 'delete_file' })
    building.call({ decision: 'escalate' })
    building.call({ receipt: false })
  })
})
after(() => stored.close())

async function readAll(range = {}): Promise<readonly RecordedCall[]> {
  const { total, batches } = await readCallHistory(stored.store, range)
  const calls: RecordedCall[] = []
  for await (const batch of batches) calls.push(...batch)
  assert.equal(calls.length, total)
  return calls
}

describe('the recorded calls of a store', () => {
  it('come oldest first, with what was decided and what became of them', async () => {
    const calls = await readAll()
    assert.deepEqual(
      calls.map(({ call }) => call),
      run.calls.map(({ call }) => call),
    )
    assert.deepEqual(calls.map(({ status, decided }) => `${decided?.decision} ${status}`).slice(4), [
      'allow ok',
      'deny none',
      'escalate pending',
      'allow pending',
    ])
    const [first] = calls
    assert.equal(first?.server, 'files')
    assert.deepEqual(first?.arguments, {
      state: 'full',
      value: { path: '/data/0.txt' },
      text: '{"path":"/data/0.txt"}',
    })
  })

  it('come by time over all chains', async () => {
    const other = buildRun({ seed: 9, key: stored.keys.gateway, startMicros: Date.UTC(2026, 10, 22, 12) * 1000 }, 2)
    await storeRecords(stored.store, stored.keys, [asStored(other.records)])
    const calls = await readAll()
    assert.deepEqual(
      calls.map(({ call }) => call),
      [...other.calls, ...run.calls].map(({ call }) => call),
    )
  })

  it('are those of a time range, from inclusive, to exclusive', async () => {
    const [, second, third] = await readAll()
    const from = timeOf(second)
    assert.deepEqual(await readAll({ from, to: timeOf(third) }), [second])
    assert.equal((await readAll({ from })).length, 7)
  })

  it('are marked where a body, a payload or a decision was changed', async () => {
    const [first, second, third] = run.calls
    await stored.update(`body = replace(body, 'read_file', 'list_file')`, `hash = '${first?.propose.hash}'`)
    await stored.update(`body = replace(body, '"allow"', '"deny"')`, `hash = '${second?.decide.hash}'`)
    await stored.update(`recorded = base64Encode('other')`, `hash = '${third?.propose.hash}'`, 'payloads')
    assert.deepEqual(
      (await readAll()).map(({ arguments: { state } }) => state),
      ['altered', 'altered', 'altered', 'full', 'full', 'full', 'full', 'full'],
    )
  })

  it('say what is missing and what was erased', async () => {
    const [first, second] = run.calls
    await stored.remove(`hash = '${first?.propose.hash}'`, 'payloads')
    await stored.update(
      `recorded = '', erased_by = '${'0'.repeat(64)}'`,
      `hash = '${second?.propose.hash}'`,
      'payloads',
    )
    const [one, two] = await readAll()
    assert.deepEqual([one?.arguments.state, two?.arguments.state], ['missing', 'erased'])
  })
})

describe('the windows of a history', () => {
  it('hold every call once and no more than asked for, as far as microseconds part them', async () => {
    const windows = await listCallWindows(stored.store, { maxCalls: 2 })
    assert.deepEqual(
      windows.map(({ calls }) => calls),
      [2, 2, 2, 2],
    )
    assert.equal(windows.at(-1)?.to, '~')
    for (const [place, { to }] of windows.entries()) assert.equal(windows[place + 1]?.from ?? '~', to)
  })

  it('are none without calls', async () => {
    await stored.clear()
    assert.deepEqual(await listCallWindows(stored.store, { maxCalls: 2 }), [])
    assert.deepEqual(await readAll(), [])
  })
})

function timeOf(call: RecordedCall | undefined): string {
  const built = run.calls.find((each) => each.call === call?.call)
  return built?.propose.event.time ?? ''
}
