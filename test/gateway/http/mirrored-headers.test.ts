// The fields of 2026-07-28 that mirror the body: which of them agree with it (SEP-2243, value encoding and validation).
import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { findHeaderMismatch } from '../../../gateway/http/mirrored-headers.ts'
import { readClientMessage } from '../../../gateway/message.ts'

const args = {
  region: 'eu',
  limit: 42,
  isDry: true,
  none: null,
  nested: [{ zone: 'a-1' }],
  wide: 'größe',
  encoded: '=?base64?ZXU=?=',
}

function mismatch(name: string, value: string, params: object = { name: 'echo', arguments: args }): string | undefined {
  const text = JSON.stringify({ jsonrpc: '2.0', id: 1, method: 'tools/call', params })
  const message = readClientMessage(Buffer.from(text))
  assert.ok(message.kind === 'request')
  return findHeaderMismatch([[name, value]], message)
}

describe('a field that mirrors an argument', () => {
  const agreeing: readonly (readonly [name: string, value: string])[] = [
    ['Mcp-Param-Region', 'eu'],
    ['mcp-param-REGION', '=?base64?ZXU=?='],
    ['Mcp-Param-Limit', '42'],
    ['Mcp-Param-Limit', '42.0'],
    ['Mcp-Param-Is-Dry', 'true'],
    ['Mcp-Param-Zone', 'a-1'],
    ['Mcp-Param-Place', 'a-1'],
    ['Mcp-Param-Wide', '=?base64?Z3LDtsOfZQ==?='],
    ['Mcp-Param-Encoded', '=?base64?PT9iYXNlNjQ/WlhVPT89?='],
  ]
  for (const [name, value] of agreeing)
    it(`passes: ${name}: ${value}`, () => assert.equal(mismatch(name, value), undefined))

  const other: readonly (readonly [name: string, value: string])[] = [
    ['Mcp-Param-Region', 'us'],
    ['Mcp-Param-Region', 'a-1'],
    ['Mcp-Param-Region', 'EU'],
    ['Mcp-Param-Limit', '43'],
    ['Mcp-Param-Place', 'b-2'],
    ['Mcp-Param-Region', '=?base64?ZXU?='],
    ['Mcp-Param-Wide', 'größe'],
    ['Mcp-Param-Encoded', '=?base64?ZXU=?='],
  ]
  for (const [name, value] of other)
    it(`is refused: ${name}: ${value}`, () => assert.equal(mismatch(name, value), name))

  it('is refused where the call has no arguments', () =>
    assert.equal(mismatch('Mcp-Param-Region', 'eu', { name: 'echo' }), 'Mcp-Param-Region'))
})
