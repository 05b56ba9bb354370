// Requests whose line, fields or framing one reader takes for something else than another (RFC 9112, sections 5-7 and 11).
// Each carries a call of `denied_tool`, or of `echo` with something that names `denied_tool` beside it.
import type { RawRequest } from './raw-http.ts'

/** A request and the statuses that it may have; 0 is a closed connection, 200 a JSON-RPC error or a denied result. */
export type Variant = readonly [name: string, request: RawRequest, statuses: readonly number[]]

/** A call that TEST_POLICY denies. */
export const DENIED = '{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{"name":"denied_tool","arguments":{}}}'
/** A request that every policy lets pass. */
export const PING = '{"jsonrpc":"2.0","id":2,"method":"ping"}'

const TYPE = 'Content-Type: application/json'
const CHUNKED = 'Transfer-Encoding: chunked'
const META = '"_meta":{"io.modelcontextprotocol/protocolVersion":"2026-07-28"}'
const allowedCall = '{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{"name":"echo"}}'
const modernCall = `{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{"name":"echo",${META}}}`
const paramCall = `{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{"name":"echo","arguments":{"region":"eu","level":{"n":5}},${META}}}`

const length = (body: string): string => `Content-Length: ${Buffer.byteLength(body)}`
const chunked = (...parts: readonly string[]): string =>
  [...parts.map((part) => `${Buffer.byteLength(part).toString(16)}\r\n${part}\r\n`), '0\r\n\r\n'].join('')

/** A request with the fields that are told beside the content type. */
const denied = (fields: readonly string[], body: string = DENIED): RawRequest => ({ fields: [TYPE, ...fields], body })
const line = (text: string): RawRequest => ({ line: text, body: DENIED })

/** Other spellings of the endpoint. */
const targets: readonly Variant[] = [
  ...[
    '/mcp/test/',
    '/MCP/test',
    '/mcp/Test',
    '/mcp/test?x=1',
    '/mcp/test#x',
    '//mcp/test',
    '/mcp//test',
    '/mcp/./test',
  ],
  ...['/mcp/x/../test', '/mcp/%74est', '/mcp%2ftest', '/mcp/test%00', '/mcp/test;a=1', '/mcp/', '/', '*', '/mcp\\test'],
  ...['http://127.0.0.1/mcp/test', 'http://evil.example/mcp/test', '/mcp/test%20', '/mcp/other', '/mcp/..;/mcp/test'],
  ...['/mcp/test%0d%0a', '/mcp;x/test', '/mcp/te\xc5\xbft', '/mcp/test/../test', '/%6dcp/test', '/mcp/test?'],
].map((target) => [`the target ${target}`, line(`POST ${target} HTTP/1.1`), [0, 400, 404]])

const lines: readonly Variant[] = [
  ['HTTP/1.0', line('POST /mcp/test HTTP/1.0'), [505]],
  ['HTTP/0.9', line('POST /mcp/test'), [400, 505]],
  ['HTTP/2.0 in text', line('POST /mcp/test HTTP/2.0'), [400, 505]],
  ['the preface of HTTP/2', { line: 'PRI * HTTP/2.0', fields: [], body: `\r\nSM\r\n\r\n${DENIED}` }, [0, 400, 505]],
  ['a method in lower case', line('post /mcp/test HTTP/1.1'), [400, 405]],
  ['two blanks in the request line', line('POST  /mcp/test HTTP/1.1'), [200, 400]],
  ['a blank in the target', line('POST /mcp/test x HTTP/1.1'), [400]],
  ['a tab in the request line', line('POST\t/mcp/test HTTP/1.1'), [400]],
  ['bare LF line ends', line('POST /mcp/test HTTP/1.1\nX-A: b'), [400]],
  ['a request line that is folded', line('POST /mcp/test HTTP/1.1\r\n X-A: b'), [400]],
  ['PUT', line('PUT /mcp/test HTTP/1.1'), [405]],
  ['OPTIONS', line('OPTIONS /mcp/test HTTP/1.1'), [405]],
  ['QUERY', line('QUERY /mcp/test HTTP/1.1'), [400, 405]],
  ['GET with a body', line('GET /mcp/test HTTP/1.1'), [400]],
  ['DELETE with a body', line('DELETE /mcp/test HTTP/1.1'), [400]],
  ['CONNECT', line('CONNECT 127.0.0.1:80 HTTP/1.1'), [0, 400, 404, 405]],
]

const lengths: readonly Variant[] = [
  ['two lengths', denied(['Content-Length: 2', length(DENIED)]), [400]],
  ['a list of lengths', denied([`${length(DENIED)}, 5`]), [400]],
  ['a list of equal lengths', denied([`${length(DENIED)}, ${DENIED.length}`]), [400]],
  ['a length with a sign', denied([`Content-Length: +${DENIED.length}`]), [400]],
  ['a length in hex', denied(['Content-Length: 0x10']), [400]],
  ['a length with an underscore, which Python reads', denied(['Content-Length: 9_3']), [400]],
  ['a length beyond 64 bits', denied([`Content-Length: ${2n ** 64n + BigInt(DENIED.length)}`]), [400, 413]],
  ['a field Content_Length', denied(['Content_Length: 5', length(DENIED)]), [400]],
  ['length and chunks', denied([length(DENIED), CHUNKED], chunked(DENIED)), [400]],
  ['length 0 and chunks', denied(['Content-Length: 0', CHUNKED], chunked(DENIED)), [400]],
  ['two codings', denied(['Transfer-Encoding: gzip, chunked'], chunked(DENIED)), [400]],
  ['chunked before another coding', denied(['Transfer-Encoding: chunked, identity'], chunked(DENIED)), [400]],
  ['coding identity', denied(['Transfer-Encoding: identity', length(DENIED)]), [400]],
  ['coding xchunked', denied(['Transfer-Encoding: xchunked'], chunked(DENIED)), [400]],
  ['a coding behind a vertical tab', denied(['Transfer-Encoding: \vchunked'], chunked(DENIED)), [400]],
  ['a coding in quotes', denied(['Transfer-Encoding: "chunked"'], chunked(DENIED)), [400]],
  ['coding twice', denied([CHUNKED, 'Transfer-Encoding: identity'], chunked(DENIED)), [400]],
  ['a blank before the colon', denied(['Transfer-Encoding : chunked', length(DENIED)]), [400]],
  ['a tab before the colon', denied(['Transfer-Encoding\t: chunked', length(DENIED)]), [400]],
  ['a field Transfer_Encoding', denied(['Transfer_Encoding: chunked', length(DENIED)]), [400]],
  ['no length', denied([]), [400, 411]],
  ['a chunk size with a sign', denied([CHUNKED], `-1\r\n${DENIED}\r\n0\r\n\r\n`), [400]],
  ['a chunk size in 0x form', denied([CHUNKED], `0x5d\r\n${DENIED}\r\n0\r\n\r\n`), [400]],
  ['a chunk size beyond 64 bits', denied([CHUNKED], `1000000000000005d\r\n${DENIED}\r\n0\r\n\r\n`), [400]],
  ['a chunk ended by LF', denied([CHUNKED], `5d\n${DENIED}\r\n0\r\n\r\n`), [0, 400]],
  ['a chunk extension', denied([CHUNKED], `5d;a="b"\r\n${DENIED}\r\n0\r\n\r\n`), [200, 400]],
  ['a chunk extension with a line end', denied([CHUNKED], `5d;a="\n"\r\n${DENIED}\r\n0\r\n\r\n`), [400]],
  ['a chunk that is longer than it says', denied([CHUNKED], `2\r\n${DENIED}\r\n0\r\n\r\n`), [400]],
  ['a call in a trailer', denied([CHUNKED], `${chunked(PING).slice(0, -2)}X-A: b\r\n\r\n${DENIED}`), [200, 400]],
  [
    'a trailer that names a tool',
    denied([CHUNKED], `${chunked(allowedCall).slice(0, -2)}Mcp-Name: denied_tool\r\n\r\n`),
    [200],
  ],
]

const fields: readonly Variant[] = [
  ['a folded field', denied(['X-A: b', ' Transfer-Encoding: chunked', length(DENIED)]), [200, 400]],
  ['a bare CR in a field', denied(['X-A: b\rTransfer-Encoding: chunked', length(DENIED)]), [400]],
  ['NUL in a field', denied(['X-A: b\0', length(DENIED)]), [400]],
  ['a field without a name', denied([': chunked', length(DENIED)]), [400]],
  ['content encoding', denied(['Content-Encoding: gzip', length(DENIED)]), [415]],
  ['content encoding identity', denied(['Content-Encoding: identity', length(DENIED)]), [415]],
  ['no content type', { fields: [length(DENIED)], body: DENIED }, [415]],
  ['two content types', denied([TYPE, length(DENIED)]), [400]],
  ['another content type', { fields: ['Content-Type: text/plain', length(DENIED)], body: DENIED }, [415]],
  ['a content type list', { fields: [`${TYPE}, text/plain`, length(DENIED)], body: DENIED }, [415]],
  ['another character set', { fields: [`${TYPE}; charset=utf-7`, length(DENIED)], body: DENIED }, [415]],
  ['two character sets', { fields: [`${TYPE}; charset=utf-8; charset=utf-7`, length(DENIED)], body: DENIED }, [415]],
  ['a method override', denied(['X-HTTP-Method-Override: DELETE', length(DENIED)]), [400]],
  ['a path override', denied(['X-Original-URL: /admin', length(DENIED)]), [400]],
  ['an upgrade', denied(['Connection: Upgrade', 'Upgrade: h2c', length(DENIED)]), [400]],
  ['a field that ends here', denied(['Connection: content-type', length(DENIED)]), [400]],
  ['a session that ends here', denied(['Connection: mcp-session-id', 'Mcp-Session-Id: a', length(DENIED)]), [400]],
  ['two hosts', denied(['Host: evil.example', length(DENIED)]), [400]],
  ['an expectation', denied(['Expect: 100-continue', length(DENIED)]), [100, 200]],
  ['an expectation that nobody knows', denied(['Expect: x', length(DENIED)]), [200, 417]],
  ['a pipelined second request', denied(['Content-Length: 0', 'X-A: b'], PING), [400]],
  ['two session ids', denied(['Mcp-Session-Id: a', 'Mcp-Session-Id: b', length(DENIED)]), [400]],
]

/** Fields of 2026-07-28 that say something else than the body. */
const mirrored: readonly Variant[] = [
  ['another Mcp-Method', denied(['Mcp-Method: tools/list', length(allowedCall)], allowedCall), [400]],
  ['another Mcp-Name', denied(['Mcp-Name: denied_tool', length(allowedCall)], allowedCall), [400]],
  [
    'an Mcp-Name that is encoded',
    denied(['Mcp-Name: =?base64?ZGVuaWVkX3Rvb2w=?=', length(modernCall)], modernCall),
    [400],
  ],
  ['an Mcp-Name that is folded', denied(['Mcp-Name: echo', ' denied_tool', length(modernCall)], modernCall), [400]],
  ['two Mcp-Name', denied(['Mcp-Name: echo', 'mcp-name: denied_tool', length(modernCall)], modernCall), [400]],
  ['Mcp_Name', denied(['Mcp_Name: denied_tool', length(modernCall)], modernCall), [400]],
  ['Mcp-Method of a ping', denied(['Mcp-Method: tools/call', 'Mcp-Name: denied_tool', length(PING)], PING), [400]],
  ['another version', denied(['MCP-Protocol-Version: 2025-11-25', length(modernCall)], modernCall), [400]],
  ['a modern version', denied(['MCP-Protocol-Version: 2026-07-28', length(allowedCall)], allowedCall), [400]],
  ...(
    [
      ['another value', 'Mcp-Param-Region: us'],
      ['the value of another argument', 'Mcp-Param-Region: 5'],
      ['a value that no argument has', 'Mcp-Param-Zone: us'],
      ['base64 that is none', 'Mcp-Param-Region: =?base64?ZXU?='],
      ['an encoded other value', 'Mcp-Param-Region: =?base64?dXM=?='],
      ['an underscore', 'Mcp_Param_Region: eu'],
    ] as const
  ).map(([name, field]): Variant => [`Mcp-Param with ${name}`, denied([field, length(paramCall)], paramCall), [400]]),
]

/** Every variant of line, framing and fields. */
export const SMUGGLED_HEADS: readonly Variant[] = [...targets, ...lines, ...lengths, ...fields, ...mirrored]
