// Definitions as the API shows them, over a real store fed by the ledger's ingest, and their approval on a real log.
import assert from 'node:assert/strict'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, before, describe, it } from 'node:test'
import { ControlReader } from '../../events/control-reader.ts'
import type { EventDraft, EventOf } from '../../events/event.ts'
import { approvedDigest } from '../../gateway/pin-standing.ts'
import { openLedgerStore } from '../../ledger/clickhouse-store.ts'
import { Ingest } from '../../ledger/ingest.ts'
import type { LedgerStore } from '../../ledger/store.ts'
import { type ApiHarness, LOG_NAME, startApiHarness } from '../support/api-harness.ts'
import { requestOf } from '../support/gate-bench.ts'
import { problemOf } from '../support/problem.ts'
import { until } from '../support/until.ts'

const [A, B, C] = ['a'.repeat(64), 'b'.repeat(64), 'c'.repeat(64)]

interface Pin {
  readonly server: string
  readonly tool: string
  readonly state: string
  readonly digest?: string
  readonly pinned?: string
  readonly approved?: { readonly by: string; readonly reason: string }
}

let directory: string
let store: LedgerStore
let harness: ApiHarness
let ingest: Ingest
before(async () => {
  directory = await mkdtemp(join(tmpdir(), 'toolwarden-pins-'))
  store = await openLedgerStore({ directory: join(directory, 'store') }, LOG_NAME)
  harness = await startApiHarness({ store })
  const { eventLog, trust, clock } = harness.dependencies
  const opening = { software: 'toolwarden test', configuration: '0'.repeat(64) }
  ingest = await Ingest.start({ eventLog, store, clock, trust, log: LOG_NAME, key: harness.keys.ledger, opening })
  await see([
    { tool: 'kept', digest: A, pinned: A },
    { tool: 'turned', digest: A, pinned: A },
    { tool: 'held', digest: C },
  ])
  await see([{ tool: 'turned', digest: B, pinned: A }])
  await until(async () => (await stateOf('turned')) === 'changed')
})
after(async () => {
  await ingest.stop()
  await harness.close()
  await store.close()
  await rm(directory, { recursive: true, force: true })
})

/** A gateway that is shown these tools. */
async function see(tools: readonly Omit<EventOf<'tools/listed'>['tools'][number], 'class'>[]): Promise<void> {
  const entries = tools.map((tool) => ({ ...tool, class: 'read' as const }))
  const { connection } = requestOf()
  const draft = { type: 'tools/listed', ...connection, tools: entries, added: [], removed: [], changed: [] }
  await harness.writer('gateway/files').append([{ draft: draft as EventDraft }])
}

async function list(): Promise<readonly Pin[]> {
  return ((await (await harness.request('/v1/pins?server=files')).json()) as { items: Pin[] }).items
}

async function stateOf(tool: string): Promise<string | undefined> {
  return (await list()).find((pin) => pin.tool === tool)?.state
}

function approve(body: object, scopes?: readonly ['operate']): Promise<Response> {
  const init = { method: 'POST', body: JSON.stringify(body), headers: { 'content-type': 'application/json' } }
  return harness.request('/v1/pins/approve', scopes === undefined ? init : { ...init, scopes })
}

describe('/v1/pins', () => {
  it('shows each tool as it was seen last, and what it is held to', async () => {
    assert.deepEqual(
      (await list()).map(({ tool, state, digest, pinned }) => [tool, state, digest, pinned]),
      [
        ['held', 'new', C, undefined],
        ['kept', 'pinned', A, A],
        ['turned', 'changed', B, A],
      ],
    )
  })

  it('approves a definition in the name of the token, and gateways that read control learn of it', async () => {
    const body = { server: 'files', tools: [{ tool: 'held', digest: C }], reason: 'read it' }
    assert.equal((await approve(body)).status, 200)
    const { eventLog, trust } = harness.dependencies
    const gateway = new ControlReader({ eventLog, log: LOG_NAME, trust })
    await gateway.start()
    assert.equal(approvedDigest(gateway.view, 'files', 'held'), C)
    await gateway.stop()
    await until(async () => (await stateOf('held')) === 'pinned')
    const held = (await list()).find(({ tool }) => tool === 'held')
    assert.deepEqual([held?.approved?.by, held?.approved?.reason], ['user:ann', 'read it'])
  })

  it('holds a tool to what was approved, whatever was seen first, and shows what no gateway saw yet', async () => {
    await approve({
      server: 'files',
      tools: [
        { tool: 'kept', digest: B },
        { tool: 'unseen', digest: A },
      ],
      reason: 'x',
    })
    await until(async () => (await stateOf('kept')) === 'changed')
    assert.equal(await stateOf('unseen'), 'pinned')
  })

  it('needs the right to approve, a reason, and digests', async () => {
    const body = { server: 'files', tools: [{ tool: 'held', digest: C }], reason: 'x' }
    await problemOf(await approve(body, ['operate']), 403)
    await problemOf(await approve({ ...body, reason: ' ' }), 400)
    await problemOf(await approve({ ...body, tools: [] }), 400)
    await problemOf(await approve({ ...body, tools: [{ tool: 'held', digest: 'latest' }] }), 400)
  })
})
