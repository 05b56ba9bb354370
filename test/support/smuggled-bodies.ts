// Bodies that one JSON reader takes for something else than another (RFC 8259, sections 4, 8 and 9): each names
// `denied_tool` where some server would find it.
import { deflateRawSync, gzipSync } from 'node:zlib'
import { DENIED, PING, type Variant } from './smuggled-heads.ts'

const utf16 = (text: string): Buffer => Buffer.from(text, 'utf16le')
const bytes = (...parts: readonly (string | readonly number[])[]): Buffer =>
  Buffer.concat(parts.map((part) => (typeof part === 'string' ? Buffer.from(part) : Buffer.from(part))))
const name = (text: string): string => DENIED.replace('"name":', text)
const method = (text: string): string => DENIED.replace('"method":"tools/call"', text)
const call = (text: string): string => DENIED.replace('tools/call', text)
const id = (text: string): string => DENIED.replace('"id":1', text)
const args = (text: string): string => DENIED.replace('"arguments":{}', text)

const BODIES: readonly (readonly [name: string, body: string | Buffer])[] = [
  ['a batch', `[${DENIED}]`],
  ['a batch of pings and a call', `[${PING},${DENIED}]`],
  ['a batch in a batch', `[[${DENIED}]]`],
  ['two objects', `${PING}\n${DENIED}`],
  ['two objects without a line end', `${PING}${DENIED}`],
  ['an object in a string', JSON.stringify(DENIED)],
  ['a key twice', name('"name":"echo","name":')],
  ['a key twice, once in escapes', name('"name":"echo","n\\u0061me":')],
  ['a method twice', method('"method":"ping","method":"tools/call"')],
  ['a method twice, once in escapes', method('"method":"ping","m\\u0065thod":"tools/call"')],
  ['a key in another case', method('"method":"ping","Method":"tools/call"')],
  ['a key in full width', method('"method":"ping","ｍethod":"tools/call"')],
  ['a key with a soft hyphen', method('"method":"ping","met\\u00adhod":"tools/call"')],
  ['a key behind a byte order mark', method('"method":"ping","\\ufeffmethod":"tools/call"')],
  ['__proto__', method('"method":"ping","__proto__":{"method":"tools/call"}')],
  ['params in another case', DENIED.replace('"params":', '"Params":{"name":"denied_tool"},"params":')],
  ['params twice', DENIED.replace('"params":', '"params":{"name":"echo"},"params":')],
  ['params as a list', DENIED.replace(/"params":.*/, '"params":["denied_tool",{}]}')],
  ['params as a text', DENIED.replace(/"params":.*/, '"params":"{\\"name\\":\\"denied_tool\\"}"}')],
  ['a key with NUL', name('"name\\u0000":"denied_tool","name":')],
  ['a byte order mark', `\ufeff${DENIED}`],
  ['UTF-16', utf16(DENIED)],
  ['UTF-16 with its mark', utf16(`\ufeff${DENIED}`)],
  ['UTF-7', DENIED.replaceAll('"', '+ACI-').replaceAll('{', '+AHs-').replaceAll('}', '+AH0-')],
  ['invalid UTF-8', bytes(DENIED.slice(0, -1), [0xff, 0x7d])],
  ['an overlong slash', bytes('{"jsonrpc":"2.0","id":1,"method":"tools', [0xc0, 0xaf], DENIED.slice(44))],
  ['a surrogate in UTF-8', bytes(DENIED.slice(0, -2), ',"x":"', [0xed, 0xa0, 0x80], '"}}')],
  ['gzip without a word', gzipSync(DENIED)],
  ['deflate without a word', deflateRawSync(DENIED)],
  ['raw CR between messages', `${PING.slice(0, -1)},"params":\r${DENIED}\r}`],
  ['a raw line separator', `${PING.slice(0, -1)},"x":"\u2028${DENIED.replaceAll('"', '\\"')}"`],
  ['a call in a comment', `${PING.slice(0, -1)}/*,"method":"tools/call"*/}`],
  ['a comment', `${DENIED}/* */`],
  ['a comma too many', `${DENIED.slice(0, -1)},}`],
  ['single quotes', DENIED.replaceAll('"', "'")],
  ['NaN', args('"arguments":{"n":NaN}')],
  ['Infinity', args('"arguments":{"n":-Infinity}')],
  ['a number with a leading zero', args('"arguments":{"n":010}')],
  ['a raw tab in a string', name('"name\t":"x","name":')],
  ['no id', id('').replace('"2.0",,', '"2.0",')],
  ['no id and an id in another case', id('"ID":1')],
  ['an id of another type', id('"id":null')],
  ['a fraction as id', id('"id":1.5')],
  ['an id with an exponent', id('"id":1e0')],
  ['an id of a huge exponent', id('"id":1e400')],
  ['an id below zero that is none', id('"id":-0')],
  ['an id of a thousand digits', id(`"id":${'1'.repeat(1000)}`)],
  ['an id twice', id('"id":1,"id":2')],
  ['an id with half a character', id('"id":"\\ud800"')],
  ['a method and a result', id('"id":1,"result":{}')],
  ['a look-alike method', call('Tools/Call')],
  ['a full-width method', call('ｔools/call')],
  ['a method in escapes', call('\\u0074ools\\/call')],
  ['a method with NUL', call('tools/call\\u0000')],
  ['a method with a blank', call('tools/call ')],
  ['a method with a zero-width space', call('tools/\\u200bcall')],
  ['a name with NUL', DENIED.replace('denied_tool', 'denied_tool\\u0000')],
  ['a name in escapes', DENIED.replace('denied_tool', '\\u0064enied_tool')],
  ['a name as a list', DENIED.replace('"denied_tool"', '["denied_tool"]')],
  ['deep nesting', args(`"arguments":${'['.repeat(100_000)}${']'.repeat(100_000)}`)],
  ['a huge key', args(`"arguments":{"${'k'.repeat(1_000_000)}":1}`)],
  ['many keys', args(`"arguments":{${Array.from({ length: 100_001 }, (_, key) => `"${key}":1`).join(',')}}`)],
  ['nothing', ''],
  ['white space', ' \n\t '],
]

/** Every variant of the body. */
export const SMUGGLED_BODIES: readonly Variant[] = BODIES.map(([what, body]) => [
  `a body with ${what}`,
  { body },
  [200, 400],
])
