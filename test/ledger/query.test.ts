// The ledger's history as the API reads it: pages, filters, and rows that somebody edited.
import assert from 'node:assert/strict'
import { after, before, describe, it } from 'node:test'
import { derivedId } from '../../events/time.ts'
import { type CallFilter, LedgerHistory } from '../../ledger/query.ts'
import { asStored, storeRecords } from '../support/ledger-harness.ts'
import { buildRun, RunBuilder } from '../support/run-builder.ts'
import { Tampering } from '../support/tampering.ts'

const ALL = { after: undefined, limit: 100 }
const ALERTS = ['a', 'b', 'c'].map((name) => derivedId(name))

let stored: Tampering
let history: LedgerHistory
let run: RunBuilder

before(async () => {
  stored = await Tampering.open()
  history = new LedgerHistory(stored.store)
  run = buildRun({ seed: 1, key: stored.keys.gateway }, 5)
  run.call({ decision: 'deny', tool: 'delete_file' })
  run.call({ decision: 'escalate' })
  run.call({ receipt: false })
  const other = buildRun({ seed: 2, key: stored.keys.gateway, session: 'another session' }, 2)
  await storeRecords(
    stored.store,
    stored.keys,
    [run, other, alerts()].map(({ records }) => asStored(records)),
  )
})
after(() => stored.close())

/** Three alerts: open, acknowledged, acknowledged and closed. */
function alerts(): RunBuilder {
  const detectors = new RunBuilder({ seed: 3, key: stored.keys.detectors, writer: 'detectors/main' })
  detectors.open()
  const raised = { detector: 'read-spike', score: 900, subject: 's', explanation: 'many reads', causes: [] }
  for (const [index, alert] of ALERTS.entries())
    detectors.draft({ type: 'alert/raised', alert, severity: index === 0 ? 'high' : 'low', ...raised })
  const [, second = '', third = ''] = ALERTS
  const by = { by: 'user:a', reason: 'seen' }
  for (const alert of [second, third]) detectors.draft({ type: 'alert/updated', alert, state: 'acknowledged', ...by })
  detectors.draft({ type: 'alert/updated', alert: third, state: 'closed', ...by })
  return detectors
}

async function countCalls(filter: CallFilter): Promise<number> {
  return (await history.findCalls(filter, ALL)).length
}

describe('the history of calls', () => {
  it('joins propose, last decide and receipt, newest first', async () => {
    const calls = await history.findCalls({ session: 'session-1' }, ALL)
    assert.deepEqual(
      calls.map(({ call }) => call),
      run.calls.map(({ call }) => call).reverse(),
    )
    const answered = calls.at(-1)
    assert.deepEqual(
      [answered?.propose?.event.type, answered?.decide?.event.type, answered?.receipt?.event.type],
      ['authorization/propose', 'authorization/decide', 'authorization/receipt'],
    )
  })

  it('filters by what was proposed, decided and answered', async () => {
    assert.equal(await countCalls({}), 10)
    assert.equal(await countCalls({ tool: 'delete_file' }), 1)
    assert.equal(await countCalls({ decision: 'deny' }), 1)
    assert.equal(await countCalls({ decision: 'allow', session: 'session-1' }), 6)
    assert.equal(await countCalls({ decision: 'pending' }), 0)
    assert.equal(await countCalls({ status: 'ok' }), 7)
    assert.equal(await countCalls({ status: 'pending' }), 2)
    assert.equal(await countCalls({ principal: "agent:test@host' OR 1=1 --" }), 0)
  })

  it('pages through all of them, each once', async () => {
    const seen: string[] = []
    let after: { time: string; hash: string } | undefined
    for (;;) {
      const page = await history.findCalls({}, { after, limit: 3 })
      seen.push(...page.map(({ call }) => call))
      const last = page.at(-1)?.propose
      if (last === undefined) break
      after = { time: last.event.time, hash: last.hash }
    }
    assert.deepEqual([seen.length, new Set(seen).size], [10, 10])
  })

  it('keeps to a range of time, from inclusive and to exclusive', async () => {
    const [first, second] = run.calls.map(({ propose }) => propose.event.time)
    assert.equal(await countCalls({ session: 'session-1', from: first, to: second }), 1)
  })

  it('shows all events of one call, oldest first, and what was recorded of it', async () => {
    const [call] = run.calls
    const events = await history.findCall(call?.call ?? '')
    assert.deepEqual(
      events.map(({ hash }) => hash),
      [call?.propose.hash, call?.decide.hash, call?.receipt?.hash],
    )
    const [payload] = await history.findPayloads([call?.propose.hash ?? ''])
    assert.deepEqual(payload?.recorded, call?.propose.payload)
  })
})

describe('the history of alerts', () => {
  it('filters by what became of them', async () => {
    for (const [index, state] of ['open', 'acknowledged', 'closed'].entries()) {
      const found = await history.findAlerts({ state }, ALL)
      assert.deepEqual(
        found.map(({ raised, updates }) => [
          raised.event.type === 'alert/raised' && raised.event.alert,
          updates.length,
        ]),
        [[ALERTS[index], index]],
      )
    }
    assert.equal((await history.findAlerts({ severity: 'high', detector: 'read-spike' }, ALL)).length, 1)
  })

  it('finds one by its id, and none where there is none', async () => {
    assert.equal((await history.findAlert(ALERTS[2] ?? ''))?.updates.length, 2)
    assert.equal(await history.findAlert('0'.repeat(64)), undefined)
  })
})

describe('the history of an edited store', () => {
  it('shows the row, and says that it was edited', async () => {
    const [call] = run.calls
    const where = `hash = '${call?.propose.hash}'`
    await stored.update("tool = 'harmless'", where)
    const [found] = await history.findCalls({ tool: 'harmless' }, ALL)
    assert.match(found?.propose?.problem ?? '', /column-mismatch: the column tool/)
    assert.equal(found?.propose?.event.type === 'authorization/propose' && found.propose.event.tool, 'read_file')
  })

  it('shows what the columns say of a body that cannot be read any more', async () => {
    const call = run.calls[1]
    await stored.update("body = 'gone'", `hash = '${call?.decide.hash}'`)
    const events = await history.findCall(call?.call ?? '')
    assert.match(events[1]?.problem ?? '', /hash-mismatch/)
    assert.equal(events[1]?.event.type, 'authorization/decide')
  })
})
