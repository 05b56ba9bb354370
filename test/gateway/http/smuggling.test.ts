// Requests that one reader takes for something else than another: none executes a denied tool, whatever it is answered.
import assert from 'node:assert/strict'
import { after, before, describe, it } from 'node:test'
import { HttpHarness } from '../../support/http-harness.ts'
import { type RawRequest, rawPost, sendRaw, statusOf } from '../../support/raw-http.ts'

const DENIED = '{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{"name":"denied_tool","arguments":{}}}'
const PING = '{"jsonrpc":"2.0","id":2,"method":"ping"}'
const TYPE = 'Content-Type: application/json'
const length = (body: string): string => `Content-Length: ${Buffer.byteLength(body)}`
const chunked = (...parts: readonly string[]): string =>
  [...parts.map((part) => `${Buffer.byteLength(part).toString(16)}\r\n${part}\r\n`), '0\r\n\r\n'].join('')
const META = '"_meta":{"io.modelcontextprotocol/protocolVersion":"2026-07-28"}'
const allowedCall = '{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{"name":"echo"}}'
const modernCall = `{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{"name":"echo",${META}}}`

/** A request and the statuses that a refusal of it has; 0 is a closed connection, 200 a JSON-RPC error or a denied result. */
type Variant = readonly [name: string, request: RawRequest, statuses: readonly number[]]

const targets: readonly Variant[] = [
  '/mcp/test/',
  '/MCP/test',
  '/mcp/Test',
  '/mcp/test?x=1',
  '/mcp/test#x',
  '//mcp/test',
  '/mcp//test',
  '/mcp/./test',
  '/mcp/x/../test',
  '/mcp/%74est',
  '/mcp%2ftest',
  '/mcp/test%00',
  '/mcp/test;a=1',
  '/mcp/',
  '/',
  '*',
  'http://127.0.0.1/mcp/test',
  'http://evil.example/mcp/test',
  '/mcp\\test',
  '/mcp/test%20',
  '/mcp/other',
].map((target) => [`the target ${target}`, { line: `POST ${target} HTTP/1.1`, body: DENIED }, [0, 400, 404]])

const heads: readonly Variant[] = [
  ['two lengths', { fields: [TYPE, 'Content-Length: 2', length(DENIED)], body: DENIED }, [400]],
  ['a list of lengths', { fields: [TYPE, `${length(DENIED)}, 5`], body: DENIED }, [400]],
  ['a length with a sign', { fields: [TYPE, `Content-Length: +${DENIED.length}`], body: DENIED }, [400]],
  ['a length in hex', { fields: [TYPE, 'Content-Length: 0x10'], body: DENIED }, [400]],
  ['length and chunks', { fields: [TYPE, length(DENIED), 'Transfer-Encoding: chunked'], body: chunked(DENIED) }, [400]],
  ['two codings', { fields: [TYPE, 'Transfer-Encoding: gzip, chunked'], body: chunked(DENIED) }, [400]],
  ['coding identity', { fields: [TYPE, 'Transfer-Encoding: identity', length(DENIED)], body: DENIED }, [400]],
  ['coding xchunked', { fields: [TYPE, 'Transfer-Encoding: xchunked'], body: chunked(DENIED) }, [400]],
  [
    'coding twice',
    { fields: [TYPE, 'Transfer-Encoding: chunked', 'Transfer-Encoding: identity'], body: chunked(DENIED) },
    [400],
  ],
  ['a blank before the colon', { fields: [TYPE, 'Transfer-Encoding : chunked', length(DENIED)], body: DENIED }, [400]],
  [
    'a folded field',
    { fields: [TYPE, 'X-A: b', ' Transfer-Encoding: chunked', length(DENIED)], body: DENIED },
    [200, 400],
  ],
  [
    'a bare CR in a field',
    { fields: [TYPE, 'X-A: b\rTransfer-Encoding: chunked', length(DENIED)], body: DENIED },
    [400],
  ],
  ['bare LF line ends', { line: 'POST /mcp/test HTTP/1.1\nX-A: b', body: DENIED }, [400]],
  ['no length', { fields: [TYPE], body: DENIED }, [400, 411]],
  [
    'a chunk size with a sign',
    { fields: [TYPE, 'Transfer-Encoding: chunked'], body: `-1\r\n${DENIED}\r\n0\r\n\r\n` },
    [400],
  ],
  [
    'a chunk ended by LF',
    { fields: [TYPE, 'Transfer-Encoding: chunked'], body: `5d\n${DENIED}\r\n0\r\n\r\n` },
    [0, 400],
  ],
  ['content encoding', { fields: [TYPE, 'Content-Encoding: gzip', length(DENIED)], body: DENIED }, [415]],
  ['content encoding identity', { fields: [TYPE, 'Content-Encoding: identity', length(DENIED)], body: DENIED }, [415]],
  ['no content type', { fields: [length(DENIED)], body: DENIED }, [415]],
  ['two content types', { fields: [TYPE, TYPE, length(DENIED)], body: DENIED }, [400]],
  ['another content type', { fields: ['Content-Type: text/plain', length(DENIED)], body: DENIED }, [415]],
  [
    'a content type list',
    { fields: ['Content-Type: application/json, text/plain', length(DENIED)], body: DENIED },
    [415],
  ],
  ['another character set', { fields: [`${TYPE}; charset=utf-7`, length(DENIED)], body: DENIED }, [415]],
  ['utf-16', { fields: [`${TYPE}; charset=utf-16`, length(DENIED)], body: DENIED }, [415]],
  ['a method override', { fields: [TYPE, 'X-HTTP-Method-Override: DELETE', length(DENIED)], body: DENIED }, [400]],
  ['a path override', { fields: [TYPE, 'X-Original-URL: /admin', length(DENIED)], body: DENIED }, [400]],
  ['an upgrade', { fields: [TYPE, 'Connection: Upgrade', 'Upgrade: h2c', length(DENIED)], body: DENIED }, [400]],
  ['a field that ends here', { fields: [TYPE, 'Connection: content-type', length(DENIED)], body: DENIED }, [400]],
  ['two hosts', { fields: [TYPE, 'Host: evil.example', length(DENIED)], body: DENIED }, [400]],
  ['HTTP/1.0', { line: 'POST /mcp/test HTTP/1.0', body: DENIED }, [505]],
  ['PUT', { line: 'PUT /mcp/test HTTP/1.1', body: DENIED }, [405]],
  ['OPTIONS', { line: 'OPTIONS /mcp/test HTTP/1.1', body: DENIED }, [405]],
  ['GET with a body', { line: 'GET /mcp/test HTTP/1.1', body: DENIED }, [400]],
  ['CONNECT', { line: 'CONNECT 127.0.0.1:80 HTTP/1.1', body: DENIED }, [0, 400, 404, 405]],
  ['a pipelined second request', { body: `${PING}`, fields: [TYPE, 'Content-Length: 0', 'X-A: b'] }, [400]],
]

const mirrored: readonly Variant[] = [
  ['another Mcp-Method', { fields: [TYPE, 'Mcp-Method: tools/list', length(allowedCall)], body: allowedCall }, [400]],
  ['another Mcp-Name', { fields: [TYPE, 'Mcp-Name: denied_tool', length(allowedCall)], body: allowedCall }, [400]],
  [
    'an encoded Mcp-Name',
    { fields: [TYPE, 'Mcp-Name: =?base64?ZGVuaWVkX3Rvb2w=?=', length(modernCall)], body: modernCall },
    [400],
  ],
  [
    'two Mcp-Name',
    { fields: [TYPE, 'Mcp-Name: echo', 'mcp-name: denied_tool', length(modernCall)], body: modernCall },
    [400],
  ],
  ['Mcp_Name', { fields: [TYPE, 'Mcp_Name: denied_tool', length(modernCall)], body: modernCall }, [400]],
  [
    'another version',
    { fields: [TYPE, 'MCP-Protocol-Version: 2025-11-25', length(modernCall)], body: modernCall },
    [400],
  ],
  [
    'a modern version',
    { fields: [TYPE, 'MCP-Protocol-Version: 2026-07-28', length(allowedCall)], body: allowedCall },
    [400],
  ],
  [
    'two session ids',
    { fields: [TYPE, 'Mcp-Session-Id: a', 'Mcp-Session-Id: b', length(DENIED)], body: DENIED },
    [400],
  ],
]

const bodies: readonly Variant[] = (
  [
    ['a batch', `[${DENIED}]`],
    ['a batch of pings and a call', `[${PING},${DENIED}]`],
    ['two objects', `${PING}\n${DENIED}`],
    ['a key twice', DENIED.replace('"name":', '"name":"echo","name":')],
    ['a method twice', DENIED.replace('"method":', '"method":"ping","method":')],
    ['a key in another case', DENIED.replace('"method":"tools/call"', '"method":"ping","Method":"tools/call"')],
    ['params in another case', DENIED.replace('"params":', '"Params":{"name":"denied_tool"},"params":')],
    ['a key with NUL', DENIED.replace('"name":', '"name\\u0000":"denied_tool","name":')],
    ['a byte order mark', `\ufeff${DENIED}`],
    ['raw CR between messages', `${PING.slice(0, -1)},"params":\r${DENIED}\r}`],
    ['NaN', DENIED.replace('"arguments":{}', '"arguments":{"n":NaN}')],
    ['a comment', `${DENIED}/* */`],
    ['no id', DENIED.replace('"id":1,', '')],
    ['an id of another type', DENIED.replace('"id":1', '"id":null')],
    ['a fraction as id', DENIED.replace('"id":1', '"id":1.5')],
    ['a method and a result', DENIED.replace('"id":1', '"id":1,"result":{}')],
    ['a look-alike method', DENIED.replace('tools/call', 'Tools/Call')],
    ['a full-width method', DENIED.replace('tools/call', 'ｔools/call')],
    ['a name with NUL', DENIED.replace('denied_tool', 'echo\\u0000denied_tool')],
    ['an empty body', ''],
    ['invalid UTF-8', Buffer.concat([Buffer.from(DENIED.slice(0, -1)), Buffer.from([0xff, 0x7d])]).toString('latin1')],
  ] as const
).map(([name, body]) => [`a body with ${name}`, { body }, [200, 400]])

describe('smuggling over HTTP', () => {
  let harness: HttpHarness

  before(async () => {
    harness = await new HttpHarness().start()
  })
  after(() => harness.stop())

  for (const [name, request, statuses] of [...targets, ...heads, ...mirrored, ...bodies]) {
    it(`executes nothing for ${name}`, async () => {
      const response = await sendRaw(harness.port, rawPost(harness.port, request), 20)
      assert.ok(statuses.includes(statusOf(response)), response)
      assert.deepEqual(harness.server.calls, [], 'a tool ran')
      assert.doesNotMatch(response, /"text":"\{/)
    })
  }

  it('sends on one request where two came at once, and reads each by itself', async () => {
    const two = Buffer.concat([rawPost(harness.port, { body: PING }), rawPost(harness.port, { body: DENIED })])
    const response = await sendRaw(harness.port, two, 200)
    assert.match(response, /Blocked by policy/)
    assert.deepEqual(harness.server.calls, [])
  })
})
