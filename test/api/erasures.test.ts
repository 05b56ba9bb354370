// Erasure over a real log, ingest and store: what goes, what stays, what verification says of it, and what holds forbid.
import assert from 'node:assert/strict'
import { after, before, describe, it } from 'node:test'
import { Erasures } from '../../ledger/erasure.ts'
import { Ingest } from '../../ledger/ingest.ts'
import type { LedgerStore } from '../../ledger/store.ts'
import { verifyLedger } from '../../ledger/verify.ts'
import { type VerifyReport, verdictOf } from '../../ledger/verify-report.ts'
import { type ApiHarness, LOG_NAME, startApiHarness } from '../support/api-harness.ts'
import { appendAll, createTestStores, type TestStores } from '../support/ledger-harness.ts'
import { problemOf } from '../support/problem.ts'
import { RunBuilder } from '../support/run-builder.ts'
import { until } from '../support/until.ts'

interface Erased {
  readonly payloads: number
  readonly erasure?: string
  readonly event?: string
  readonly held: readonly { readonly hold: string }[]
}

const DATABASE = 'erased'

let stores: TestStores
let store: LedgerStore
let harness: ApiHarness
let ingest: Ingest
before(async () => {
  stores = await createTestStores()
  store = await stores.open(DATABASE)
  harness = await startApiHarness({ store })
  const { eventLog, trust, clock } = harness.dependencies
  const opening = { software: 'toolwarden test', configuration: '0'.repeat(64) }
  ingest = await Ingest.start({ eventLog, store, clock, trust, log: LOG_NAME, key: harness.keys.ledger, opening })
})
after(async () => {
  await ingest.stop()
  await harness.close()
  await store.close()
  await stores.close()
})

let seeds = 0
/** A session of its own with finished calls, each of two payloads. */
async function record(session: string, calls = 2): Promise<RunBuilder> {
  const run = new RunBuilder({ seed: ++seeds, key: harness.keys.gateway, log: LOG_NAME, session })
  run.open()
  for (let count = 0; count < calls; count++) run.call()
  await appendAll(harness.eventLog, run.records)
  const last = run.calls.at(-1)?.receipt?.hash ?? ''
  await until(() => new Erasures(store).isRecorded(last))
  return run
}

function post(path: string, body: object, scopes?: readonly ['operate']): Promise<Response> {
  const init = { method: 'POST', body: JSON.stringify(body), headers: { 'content-type': 'application/json' } }
  return harness.request(path, scopes === undefined ? init : { ...init, scopes })
}

async function posted<Answer>(path: string, body: object): Promise<Answer> {
  const response = await post(path, body)
  const text = await response.text()
  assert.equal(response.status, 200, text)
  return JSON.parse(text) as Answer
}

async function verify(): Promise<VerifyReport> {
  return await verifyLedger({ store, log: LOG_NAME, trust: harness.dependencies.trust })
}

async function left(session: string): Promise<number> {
  const [row] = await store.select<{ rows: number }>(
    `SELECT count() AS rows FROM payloads WHERE (recorded != '' OR signals != '')
     AND hash IN (SELECT hash FROM events WHERE session = {session:String})`,
    { session },
  )
  return row?.rows ?? -1
}

describe('/v1/erasures', () => {
  it('counts in a dry run, and changes nothing', async () => {
    await record('counted')
    const answer = await posted<Erased>('/v1/erasures', { session: 'counted', reason: 'how many', dryRun: true })
    assert.deepEqual([answer.payloads, answer.event, await left('counted')], [4, undefined, 4])
  })

  it('erases a session, and verification says erased instead of missing', async () => {
    await record('gone')
    await record('kept')
    const before = (await verify()).counts
    const { payloads, event } = await posted<Erased>('/v1/erasures', { session: 'gone', reason: 'GDPR 17' })
    assert.deepEqual([payloads, await left('gone'), await left('kept')], [4, 0, 4])
    const report = await verify()
    assert.deepEqual([verdictOf(report), report.counts.erased - before.erased], ['valid', 4])
    const [said] = await store.select<{ body: string }>('SELECT body FROM events WHERE hash = {event:String}', {
      event: event ?? '',
    })
    assert.match(said?.body ?? '', /"by":"user:ann".*"payloads":4,"previous".*"reason":"GDPR 17"/)
  })

  it('shows an erased payload as erased, with its event', async () => {
    const run = await record('shown', 1)
    const call = run.calls[0]?.call ?? ''
    const { event } = await posted<Erased>('/v1/erasures', { call, reason: 'asked to' })
    const story = await harness.request(`/v1/calls/${call}?payloads=true&reason=look`)
    const { payloads } = (await story.json()) as { payloads: { state: string; erasedBy: string }[] }
    assert.deepEqual(
      payloads.map(({ state, erasedBy }) => [state, erasedBy]),
      [
        ['erased', event],
        ['erased', event],
      ],
    )
  })

  it('has nothing to erase a second time, and says nothing of it', async () => {
    await record('twice', 1)
    await posted<Erased>('/v1/erasures', { session: 'twice', reason: 'x' })
    const again = await posted<Erased>('/v1/erasures', { session: 'twice', reason: 'x' })
    assert.deepEqual([again.payloads, again.event], [0, undefined])
  })

  it('erases by age, of one principal', async () => {
    await record('old', 1)
    const body = { principal: 'agent:test@host', session: 'old', reason: 'age' }
    const early = await posted<Erased>('/v1/erasures', { ...body, before: '2026-11-22T13:00:00.000000Z' })
    const late = await posted<Erased>('/v1/erasures', { ...body, before: '2026-11-22T13:00:01.000000Z' })
    assert.deepEqual([early.payloads, late.payloads], [0, 2])
  })

  it('needs admin, a reason and something named', async () => {
    await problemOf(await post('/v1/erasures', { session: 'x', reason: 'x' }, ['operate']), 403)
    await problemOf(await post('/v1/erasures', { session: 'x', reason: ' ' }), 400)
    await problemOf(await post('/v1/erasures', { reason: 'everything' }), 400)
  })
})

describe('/v1/holds', () => {
  it('refuse an erasure by name until they are released', async () => {
    await record('suit', 1)
    const { hold } = await posted<{ hold: string }>('/v1/holds', { session: 'suit', reason: 'case 4711' })
    const refused = await problemOf(await post('/v1/erasures', { session: 'suit', reason: 'x' }), 409)
    assert.match(refused.message, new RegExp(`2 under ${hold} \\(case 4711\\)`))
    assert.equal(await left('suit'), 2)
    await posted(`/v1/holds/${hold}/release`, { reason: 'closed' })
    assert.equal((await posted<Erased>('/v1/erasures', { session: 'suit', reason: 'x' })).payloads, 2)
    await problemOf(await post(`/v1/holds/${hold}/release`, { reason: 'again' }), 404)
  })

  it('are left out with skipHeld, and listed', async () => {
    const run = await record('partly', 2)
    const call = run.calls[0]?.call ?? ''
    const { hold } = await posted<{ hold: string }>('/v1/holds', { call, reason: 'case 2' })
    const answer = await posted<Erased>('/v1/erasures', { session: 'partly', reason: 'x', skipHeld: true })
    assert.deepEqual([answer.payloads, answer.held[0]?.hold, await left('partly')], [2, hold, 2])
    const { items } = (await (await harness.request('/v1/holds')).json()) as { items: { hold: string }[] }
    assert.deepEqual(
      items.map((each) => each.hold),
      [hold],
    )
  })
})

describe('/v1/prunings', () => {
  it('count in a dry run, and have nothing to prune of a month that is young', async () => {
    const month = new Date().toISOString().slice(0, 7)
    const order = { before: month, reason: 'retention' }
    const counted = await posted<{ events: number; event?: string }>('/v1/prunings', { ...order, dryRun: true })
    const pruned = await posted<{ events: number; event?: string }>('/v1/prunings', order)
    assert.deepEqual([counted.events, counted.event, pruned.event], [0, undefined, undefined])
  })

  it('need admin, a reason, and a month that is over', async () => {
    await problemOf(await post('/v1/prunings', { before: '2026-01', reason: 'x' }, ['operate']), 403)
    for (const body of [{ before: '9999-12' }, { before: '2026-13' }, { before: '2026-01', reason: ' ' }])
      await problemOf(await post('/v1/prunings', { reason: 'x', ...body }), 400)
  })
})

describe('an erasure that is cut short or abused', () => {
  it('is finished at the next start, when the crash came after its event', async () => {
    await record('crash', 1)
    const erasures = new Erasures(store)
    const erasure = '01a20357-9080-7668-9f3b-62d57bfc4935'
    const plan = await erasures.plan(erasure, { session: 'crash' }, [])
    const draft = { type: 'admin/erased', erasure, what: 'x', ...plan, by: 'user:ann', reason: 'x' } as const
    const { events } = await harness.dependencies.operator.chainWriter.append([{ draft }])
    await until(() => erasures.isRecorded(events[0]?.hash ?? events.at(-1)?.hash ?? ''))
    assert.deepEqual([verdictOf(await verify()), await left('crash')], ['valid', 2])
    assert.deepEqual([await erasures.finish(), await left('crash')], [[erasure], 0])
    assert.deepEqual([verdictOf(await verify()), await erasures.finish()], ['valid', []])
  })

  it('is nothing without its event', async () => {
    await record('planned', 1)
    const erasures = new Erasures(store)
    await erasures.plan('01a20357-9080-7668-9f3b-62d57bfc4936', { session: 'planned' }, [])
    assert.deepEqual([await erasures.finish(), await left('planned')], [[], 2])
  })

  it('does not cover a payload that somebody deleted in its name, or added to its list', async () => {
    await record('cover', 1)
    const run = await record('victim', 1)
    const { event, erasure } = await posted<Erased>('/v1/erasures', { session: 'cover', reason: 'x' })
    const victim = run.calls[0]?.propose.hash
    await stores.run(`ALTER TABLE ${DATABASE}.payloads UPDATE recorded = '', signals = '', erased_by = '${event}'
      WHERE hash = '${victim}' SETTINGS mutations_sync = 2`)
    const codesOf = ({ violations }: VerifyReport) => violations.map(({ code, hash }) => [code, hash])
    const expected = [
      ['payload-missing', victim],
      ['signals-missing', victim],
    ]
    assert.deepEqual(codesOf(await verify()), expected)
    await stores.run(`INSERT INTO ${DATABASE}.erasures VALUES ('${erasure}', '${victim}')`)
    assert.ok(codesOf(await verify()).some(([, hash]) => hash === victim))
  })
})
