// Every list over a real store, fed by the ledger's ingest from a real log: filters, pages, and what was edited behind it.
// One chDB for the whole file, as a start of it is slow.
import assert from 'node:assert/strict'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, before, describe, it } from 'node:test'
import type { EventDraft } from '../../events/event.ts'
import { openLedgerStore } from '../../ledger/clickhouse-store.ts'
import { Ingest } from '../../ledger/ingest.ts'
import type { EventRow, LedgerStore } from '../../ledger/store.ts'
import { ROW_COLUMNS } from '../../ledger/stored-event.ts'
import { type ApiHarness, LOG_NAME, startApiHarness } from '../support/api-harness.ts'
import { appendAll } from '../support/ledger-harness.ts'
import { problemOf } from '../support/problem.ts'
import { RunBuilder } from '../support/run-builder.ts'
import { until } from '../support/until.ts'

interface Item {
  readonly [field: string]: unknown
}
interface Page {
  readonly items: readonly Item[]
  readonly next?: string
}

const CALLS = 12
const ALERTS = ['a', 'b', 'c'].map((digit) => digit.repeat(64))

let directory: string
let store: LedgerStore
let harness: ApiHarness
let ingest: Ingest
let run: RunBuilder
before(async () => {
  directory = await mkdtemp(join(tmpdir(), 'toolwarden-lists-'))
  store = await openLedgerStore({ directory: join(directory, 'store') }, LOG_NAME)
  harness = await startApiHarness({ store })
  const { eventLog, trust, clock } = harness.dependencies
  const opening = { software: 'toolwarden test', configuration: '0'.repeat(64) }
  ingest = await Ingest.start({ eventLog, store, clock, trust, log: LOG_NAME, key: harness.keys.ledger, opening })
  run = new RunBuilder({ seed: 1, key: harness.keys.gateway, log: LOG_NAME, session: 'talk' })
  run.open()
  for (let count = 0; count < CALLS - 3; count++) run.call()
  run.call({ decision: 'deny', tool: 'write_file' })
  run.call({ decision: 'escalate', tool: 'send_mail' })
  run.call({ receipt: false, tool: 'move_file' })
  await appendAll(harness.eventLog, run.records)
  const detectors = harness.writer('detectors/main')
  for (const alert of ALERTS) await detectors.append([{ draft: raised(alert) }])
  await until(async () => (await list('/v1/alerts')).items.length === ALERTS.length)
  await until(async () => (await list('/v1/calls')).items.length === CALLS)
})
after(async () => {
  await ingest.stop()
  await harness.close()
  await store.close()
  await rm(directory, { recursive: true, force: true })
})

function raised(alert: string): EventDraft {
  const severity = alert.startsWith('a') ? 'high' : 'low'
  const found = { detector: 'read-spike', severity, score: 900, subject: 'session talk', session: 'talk' } as const
  return { type: 'alert/raised', alert, ...found, explanation: '27 files read', causes: ['1'.repeat(64)] }
}

async function list(path: string): Promise<Page> {
  const response = await harness.request(path)
  const text = await response.text()
  assert.equal(response.status, 200, text)
  return JSON.parse(text) as Page
}

/** All items, page by page. */
async function walk(path: string): Promise<readonly Item[]> {
  const items: Item[] = []
  let cursor: string | undefined = ''
  while (cursor !== undefined) {
    const page: Page = await list(`${path}${cursor === '' ? '' : `&cursor=${cursor}`}`)
    items.push(...page.items)
    cursor = page.next
  }
  return items
}

async function post(path: string, body: object): Promise<Response> {
  const headers = { 'content-type': 'application/json' }
  return harness.request(path, { method: 'POST', body: JSON.stringify(body), headers })
}

const callsOf = (items: readonly Item[]) => items.map(({ call }) => call)

describe('/v1/calls', () => {
  it('joins propose, decide and receipt, newest first', async () => {
    const { items } = await list('/v1/calls')
    assert.deepEqual(callsOf(items), run.calls.map(({ call }) => call).reverse())
    const oldest = run.calls[0]
    const { decision, status, durationMicros, events } = items.at(-1) ?? {}
    assert.deepEqual([decision, status, durationMicros], ['allow', 'ok', 1_500])
    const hashes = { propose: oldest?.propose.hash, decide: oldest?.decide.hash, receipt: oldest?.receipt?.hash }
    assert.deepEqual(events, hashes)
  })

  it('comes in pages that together are the whole list, each once', async () => {
    assert.deepEqual(callsOf(await walk('/v1/calls?limit=5')), callsOf((await list('/v1/calls')).items))
    assert.equal((await list(`/v1/calls?limit=${CALLS}`)).next, undefined)
  })

  const filters: readonly [string, number][] = [
    ['tool=write_file', 1],
    ['tool=read_file', CALLS - 3],
    ['tool=%27%20OR%201%3D1', 0],
    ['server=files', CALLS],
    ['server=mail', 0],
    ['principal=agent:test@host', CALLS],
    ['session=talk', CALLS],
    ['session=talk&decision=deny', 1],
    ['decision=escalate', 1],
    ['decision=pending', 0],
    ['status=ok', CALLS - 3],
    ['status=pending', 2],
    ['decision=allow&status=pending', 1],
    ['from=2026-11-22T12:59:59Z&to=2026-11-22T13:00:10Z', CALLS],
    ['from=2026-11-22T14:00:00%2B01:00', CALLS],
    ['to=2026-11-22T13:00:00Z', 0],
  ]
  for (const [filter, count] of filters) {
    it(`finds ${count} with ${filter}`, async () => {
      assert.equal((await list(`/v1/calls?${filter}`)).items.length, count)
    })
  }

  it('refuses a cursor of another list, of other filters, or cut short', async () => {
    const { next = '' } = await list('/v1/calls?limit=2&tool=read_file')
    for (const path of [
      `/v1/events?cursor=${next}`,
      `/v1/calls?cursor=${next}`,
      `/v1/calls?tool=read_file&cursor=${next.slice(0, 40)}`,
    ]) {
      const refused = await problemOf(await harness.request(path), 400)
      assert.deepEqual([refused.code, refused.where], ['REQUEST_INVALID', 'query cursor'])
    }
  })
})

describe('/v1/calls/{id}', () => {
  const path = () => `/v1/calls/${run.calls[2]?.call}`

  it('tells the whole story, without payloads', async () => {
    const story = (await (await harness.request(`/v1/calls/${run.calls[0]?.call}`)).json()) as Item & {
      events: { event: { type: string } }[]
    }
    assert.deepEqual(
      story.events.map(({ event }) => event.type),
      ['authorization/propose', 'authorization/decide', 'authorization/receipt'],
    )
    assert.equal('payloads' in story, false)
  })

  it('shows what was recorded to operators, after it was recorded that they look', async () => {
    const response = await harness.request(`${path()}?payloads=true&reason=incident%207`)
    const { payloads } = (await response.json()) as { payloads: { state: string; text?: string }[] }
    assert.deepEqual(
      payloads.map(({ state, text }) => [state, text]),
      [
        ['recorded', '{"path":"/data/2.txt"}'],
        ['commitment', undefined],
      ],
    )
    await until(async () => (await list('/v1/events?type=admin/read-payload')).items.length === 1)
    const [look] = (await list('/v1/events?type=admin/read-payload')).items as { event: Item }[]
    assert.deepEqual([look?.event.by, look?.event.reason], ['user:ann', 'incident 7'])
  })

  it('shows payloads to no reader without the scope operate', async () => {
    await problemOf(await harness.request(`${path()}?payloads=true`, { scopes: ['read'] }), 403)
  })

  it('answers 404 for a call that is not there', async () => {
    await problemOf(await harness.request('/v1/calls/00000000-0000-7000-8000-000000000000'), 404)
  })
})

describe('/v1/recorded-calls', () => {
  const linesOf = async (path: string): Promise<readonly string[]> => {
    const response = await harness.request(path)
    assert.equal(response.status, 200)
    return (await response.text()).trim().split('\n')
  }

  it('gives every call with its arguments, oldest first, and its end, after it was recorded that they are read', async () => {
    const lines = await linesOf('/v1/recorded-calls?reason=a%20replay')
    assert.equal(lines.at(-1), `{"end":${CALLS}}`)
    const calls = lines.slice(0, -1).map((line) => JSON.parse(line) as Item)
    assert.deepEqual(callsOf(calls), callsOf(run.calls.map(({ call }) => ({ call }))))
    assert.equal(calls[0]?.argumentsText, '{"path":"/data/0.txt"}')
    await until(async () => (await list('/v1/events?type=admin/exported')).items.length === 1)
    const [look] = (await list('/v1/events?type=admin/exported')).items as { event: Item }[]
    assert.deepEqual([look?.event.events, look?.event.reason], [CALLS, 'a replay'])
  })

  it('gives those of a time range, and says so where there are none', async () => {
    assert.deepEqual(await linesOf('/v1/recorded-calls?to=2001-01-01T00:00:00Z'), ['{"end":0}'])
  })

  it('gives nothing without the scope operate', async () => {
    await problemOf(await harness.request('/v1/recorded-calls', { scopes: ['read'] }), 403)
  })
})

describe('/v1/events', () => {
  it('finds by type, call and writer, in pages without overlap', async () => {
    const proposes = await walk('/v1/events?type=authorization/propose&limit=5')
    assert.equal(new Set(proposes.map(({ hash }) => hash)).size, CALLS)
    assert.equal((await list(`/v1/events?call=${run.calls[1]?.call}`)).items.length, 3)
    const own = await walk('/v1/events?writer=gateway/files&limit=500')
    assert.equal(own.length, run.records.length)
  })
})

describe('a row that was edited behind the ledger', () => {
  it('is shown with what contradicts its body, never as if it were whole', async () => {
    const [row] = await store.select<EventRow>(`SELECT ${ROW_COLUMNS} FROM events WHERE type = 'session/open'`)
    assert.ok(row !== undefined)
    const edited = { ...row, principal: 'agent:innocent', offset: 1_000_000 }
    const nothing = { payloads: [], quarantined: [] }
    await store.insert({ ingestedAtMicros: Date.now() * 1_000, events: [edited], ...nothing })
    const { items } = await list('/v1/events?principal=agent:innocent')
    assert.match(String(items[0]?.problem), /column-mismatch: the column principal/)
    assert.equal((items[0]?.event as Item | undefined)?.principal, row.principal)
  })
})

describe('/v1/alerts', () => {
  it('are filtered by severity, state and session', async () => {
    assert.equal((await list('/v1/alerts?severity=low&state=open&session=talk')).items.length, 2)
    assert.equal((await list('/v1/alerts?severity=critical')).items.length, 0)
    assert.equal((await walk('/v1/alerts?limit=2')).length, ALERTS.length)
  })

  it('are acknowledged and closed with a reason, by name, once', async () => {
    const [alert = ''] = ALERTS
    const acknowledged = await post(`/v1/alerts/${alert}/acknowledge`, { reason: 'looking' })
    assert.equal(acknowledged.status, 200)
    await until(async () => (await list('/v1/alerts?state=acknowledged')).items.length === 1)
    await problemOf(await post(`/v1/alerts/${alert}/acknowledge`, { reason: 'again' }), 409)
    assert.equal((await post(`/v1/alerts/${alert}/close`, { reason: 'a known job' })).status, 200)
    await until(async () => (await list('/v1/alerts?state=closed')).items.length === 1)
    const shown = await harness.request(`/v1/alerts/${alert}`)
    const closed = (await shown.json()) as { updates: { by: string; reason: string }[] }
    assert.deepEqual(
      closed.updates.map(({ by, reason }) => [by, reason]),
      [
        ['user:ann', 'looking'],
        ['user:ann', 'a known job'],
      ],
    )
    await problemOf(await post(`/v1/alerts/${alert}/close`, { reason: 'again' }), 409)
  })

  it('answer 404 where there is none', async () => {
    await problemOf(await post(`/v1/alerts/${'f'.repeat(64)}/close`, { reason: 'x' }), 404)
    await problemOf(await harness.request(`/v1/alerts/${'f'.repeat(64)}`), 404)
  })
})

describe('/v1/rules?state=history', () => {
  it('shows rules with what became of them', async () => {
    const rule = { scope: { session: 'talk' }, tool: '*', action: 'escalate', expiresIn: 600, reason: 'odd' }
    const ids: string[] = []
    for (let count = 0; count < 3; count++) {
      const { id } = (await (await post('/v1/rules', rule)).json()) as { id: string }
      ids.unshift(id)
      await until(() => harness.dependencies.operator.controlReader.view.subjects.has(`rule/${id}`))
    }
    await post(`/v1/rules/${ids[1]}/lift`, { reason: 'known work' })
    await until(async () => (await list('/v1/events?type=rule/lifted')).items.length === 1)
    const found = (await walk('/v1/rules?state=history&limit=2')) as { id: string; state: string }[]
    assert.deepEqual(
      found.map(({ id, state }) => [id, state]),
      [
        [ids[0], 'live'],
        [ids[1], 'lifted'],
        [ids[2], 'live'],
      ],
    )
  })

  it('has pages, which what is live has not', async () => {
    assert.equal((await problemOf(await harness.request('/v1/rules?cursor=x'), 400)).where, 'query cursor')
    assert.equal((await list('/v1/rules?session=another')).items.length, 0)
  })
})

describe('/readyz', () => {
  it('is ready when store, log and chain are', async () => {
    const { ready } = (await (await harness.api.app.request('/readyz')).json()) as { ready: boolean }
    assert.equal(ready, true)
  })
})
