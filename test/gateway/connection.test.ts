// What a gateway knows of a connection: who speaks, in which session, and what the server says of its tools.
import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { Connection, isModern } from '../../gateway/connection.ts'

const TRACE = '0af7651916cd43dd8448eb211c80319c'

function connection(isSessionFixed = false): Connection {
  return new Connection({
    session: 'own',
    isSessionFixed,
    connection: '00000000-0000-7000-8000-000000000000',
    principal: 'agent:a@host',
    principalSource: 'declared',
    server: 'files',
  })
}

function requestIn(traceId: string): Record<string, unknown> {
  return { params: { _meta: { traceparent: `00-${traceId}-b7ad6b7169203331-01` } } }
}

describe('the session of a request', () => {
  it('is the trace of the host, and every session that was seen stays known', () => {
    const one = connection()
    assert.equal(one.contextOf(requestIn(TRACE)).session, `trace:${TRACE}`)
    assert.equal(one.contextOf(requestIn(TRACE)).origin, 'own')
    assert.equal(one.contextOf({}).session, 'own')
    assert.deepEqual(one.sessions, ['own', `trace:${TRACE}`])
  })

  it('is the operator’s, when one was named: no client gets out of it', () => {
    assert.equal(connection(true).contextOf(requestIn(TRACE)).session, 'own')
  })

  it('is the connection’s, when the trace is none', () => {
    for (const trace of ['0'.repeat(32), TRACE.toUpperCase(), TRACE.slice(1), `${TRACE}0`])
      assert.equal(connection().contextOf(requestIn(trace)).session, 'own')
  })

  it('is kept for a thousand traces, the connection’s own for ever', () => {
    const one = connection()
    for (let count = 1; count <= 1_500; count++) one.contextOf(requestIn(count.toString(16).padStart(32, '0')))
    assert.equal(one.sessions.length, 1_000)
    assert.equal(one.sessions[0], 'own')
  })
})

describe('the client of a connection', () => {
  it('is name and version of initialize, made fit for an event', () => {
    const clientOf = (clientInfo: unknown): string => {
      const one = connection()
      one.initialized({ params: { clientInfo } })
      return one.context.client
    }
    assert.equal(clientOf({ name: 'inspector', version: '1.2' }), 'inspector/1.2')
    assert.equal(clientOf({ name: '', version: 7 }), 'unknown/unknown')
    assert.equal(clientOf('text'), 'unknown/unknown')
    const long = clientOf({ name: '\ud800'.repeat(2_000), version: '1' })
    assert.ok(long.isWellFormed() && long.length === 512)
  })
})

describe('isModern', () => {
  it('goes by the request itself', () => {
    const meta = { 'io.modelcontextprotocol/protocolVersion': '2026-07-28' }
    assert.equal(isModern({ value: { params: { _meta: meta } } }), true)
    assert.equal(isModern({ value: { params: {} } }), false)
  })
})
