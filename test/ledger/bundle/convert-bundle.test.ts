// Exports in the shapes of others. The digests are those that the Tamper-Evident Audit Record Contract publishes as known answers
// (MCP SEP-3004, https://github.com/modelcontextprotocol/modelcontextprotocol/pull/3004, section Conformance).
import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { type AuditBody, auditRecordHash } from '../../../ledger/bundle/audit-record.ts'
import { eventLine, jsonLine } from '../../../ledger/bundle/bundle-format.ts'
import { convertBundle, csvField } from '../../../ledger/bundle/convert-bundle.ts'

const ONE: AuditBody = {
  event_id: '99999999-9999-9999-9999-999999999999',
  occurred_at: '2026-06-06T12:00:00.000Z',
  principal_id: 'aaaaaaaa-aaaa-aaaa-aaaa-aaaaaaaaaaaa',
  event_type: 'tool_call',
  tool_name: 'export',
  outcome: 'deferred',
  previous_hash: null,
  extensions: {
    'caller-governance': {
      session_id: '55555555-5555-5555-5555-555555555555',
      invoked_by_principal_id: null,
      purpose_declared: 'reconcile June invoices',
      flagged: false,
    },
  },
}
const RUNTIME = {
  drift_status: 'confirmed',
  evidence_hash: 'sha256:b2c547e2c8f17eafc72ef5c2d4d7b6b4d0f7437ab52bae573a9af14ff5e2d9be',
  policy_id: 'example.org/runtime-drift@3',
  quarantine_decision: 'quarantine',
  severity: 'high',
}

const decide = (id: string, tool: string) => ({
  ...{ type: 'authorization/decide', id, time: '2026-11-22T13:00:00.123456Z', decision: 'deny', tool },
  ...{ principal: 'agent:x', session: 's' },
})

async function convert(format: 'csv' | 'sep-3004', bodies: readonly object[], isWhole = true): Promise<string> {
  const lines = bodies.map((body) => eventLine('a'.repeat(64), '', JSON.stringify(body)))
  const counts = { leaves: 1, events: 1, withheld: 0, payloads: 0, erased: 0, chains: 1 }
  const text = lines.join('') + (isWhole ? jsonLine({ end: counts }) : '')
  let out = ''
  for await (const piece of convertBundle(once(text), format, () => undefined)) out += piece
  return out
}

async function* once(text: string): AsyncGenerator<Buffer> {
  yield Buffer.from(text)
}

describe('an audit record of SEP-3004', () => {
  it('has the published digest with one extension, and with two', () => {
    assert.equal(auditRecordHash(ONE), 'd494769c1ae442ea88dd190068747abf63c0568a3b856f85791b1a50a99d48b4')
    const two = { ...ONE, extensions: { ...ONE.extensions, 'runtime-security': RUNTIME } }
    assert.equal(auditRecordHash(two), 'f733fed9cc757165f810b778e4baba1f51a45504988e937707aaab4361b2f064')
  })

  it('is the same for texts that are normalized alike, and refuses control characters', () => {
    const named = (tool_name: string): string => auditRecordHash({ ...ONE, tool_name })
    assert.equal(named('caf\u00e9'), named(' cafe\u0301 '))
    assert.notEqual(named(''), auditRecordHash({ ...ONE, tool_name: null }))
    for (const bad of ['a\nb', 'a\u0085b', 'a\ud800', 'x'.repeat(8_193)]) assert.throws(() => named(bad), RangeError)
  })

  it('links each decision to the one before', async () => {
    const text = await convert('sep-3004', [decide('1', 'a'), { type: 'writer/close' }, decide('2', 'b\n')])
    const records = text
      .trim()
      .split('\n')
      .map((line) => JSON.parse(line) as AuditBody & { event_hash: string })
    const [first, second] = records
    assert.deepEqual([records.length, first?.previous_hash, second?.previous_hash], [2, null, first?.event_hash])
    assert.deepEqual(
      [first?.outcome, first?.occurred_at, second?.tool_name],
      ['denied', '2026-11-22T13:00:00.123Z', 'b\ufffd'],
    )
    assert.ok(second !== undefined && auditRecordHash(second) === second.event_hash)
  })
})

describe('an export as CSV', () => {
  it('holds nothing that a spreadsheet runs', () => {
    for (const text of ['=1+1', '+1', '-1', '@x', ' =1', '\t=1']) assert.match(csvField(text), /^"?'/)
    assert.equal(csvField('a,"b"'), '"a,""b"""')
    assert.equal(csvField('a\u001bb'), 'a\ufffdb')
  })

  it('has a line for each event, and fails where the end is missing', async () => {
    const text = await convert('csv', [decide('1', '=cmd()')])
    assert.equal(text.trim().split('\r\n').length, 2)
    assert.ok(text.includes(`"'=cmd()"`))
    await assert.rejects(convert('csv', [decide('1', 'a')], false), { code: 'STORE_UNAVAILABLE' })
  })
})
