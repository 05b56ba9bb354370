// What a server might read otherwise than the policy does is refused: a table of ways to smuggle a call past it.
import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import fc from 'fast-check'
import { MAX_ID_LENGTH, paramBytes, readClientMessage, readServerMessage } from '../../gateway/message.ts'

const call = '"id":1,"method":"tools/call","params":{"name":"x","arguments":{}}'
const whole = `{"jsonrpc":"2.0",${call}}`

/** Lines that servers exist for which execute another call, or one at all; by what makes them so. */
const smuggled: Readonly<Record<string, string | Buffer>> = {
  'a batch of one': `[${whole}]`,
  'an empty batch': '[]',
  'two objects on a line': `${whole}${whole}`,
  'two objects and a blank': `${whole} ${whole}`,
  'an object and a word': `${whole}x`,
  'half an object': whole.slice(0, -1),
  'a text': '"tools/call"',
  'a number': '1',
  null: 'null',
  'an empty object': '{}',
  'a byte order mark': `\ufeff${whole}`,
  'a byte order mark in UTF-16': Buffer.from(`\ufeff${whole}`, 'utf16le'),
  'UTF-16 without a mark': Buffer.from(whole, 'utf16le'),
  'a byte that is no UTF-8': Buffer.concat([Buffer.from('{"x":"'), Buffer.from([0xff]), Buffer.from(`",${call}}`)]),
  'an overlong slash': Buffer.concat([Buffer.from('{"x":"'), Buffer.from([0xc0, 0xaf]), Buffer.from(`",${call}}`)]),
  'a surrogate in UTF-8': Buffer.concat([
    Buffer.from('{"x":"'),
    Buffer.from([0xed, 0xa0, 0x80]),
    Buffer.from(`",${call}}`),
  ]),
  'a line between two carriage returns': `{"jsonrpc":"2.0","id":1,"method":"ping"}\r${whole}\r`,
  'a carriage return as white space': `{"jsonrpc":"2.0",\r${call}}`,
  NaN: `{"n":NaN,${call}}`,
  Infinity: `{"n":-Infinity,${call}}`,
  'a comment': `{/* */${call}}`,
  'a comma too many': `{${call},}`,
  'single quotes': whole.replaceAll('"', "'"),
  'a raw NUL': `{"x":"\0",${call}}`,
  'a raw tab in a text': `{"x":"\t",${call}}`,
  'a leading zero': `{"n":01,${call}}`,
  'two methods': `{"method":"ping",${call}}`,
  'two methods, one escaped': `{"\\u006dethod":"ping",${call}}`,
  'two params': `{"params":{"name":"safe"},${call}}`,
  'two ids': `{"id":2,${call}}`,
  'two names': '{"id":1,"method":"tools/call","params":{"name":"safe","name":"x"}}',
  'two names, one escaped': '{"id":1,"method":"tools/call","params":{"name":"safe","n\\u0061me":"x"}}',
  'two equal keys deep in the arguments':
    '{"id":1,"method":"tools/call","params":{"name":"x","arguments":{"a":[{"p":1,"p":2}]}}}',
  'a method in capitals': '{"id":1,"Method":"tools/call","params":{"name":"x"}}',
  'a method beside one in capitals': `{"METHOD":"ping",${call}}`,
  'a method with a trailing NUL': `{"method\\u0000":"ping",${call}}`,
  'a method with a long s and a Kelvin sign': '{"id":1,"method":"ping","param\u017f":{"name":"x"}}',
  'a method in full width': '{"id":1,"method":"ping","\uff4dethod":"tools/call"}',
  'a method with a zero-width joiner': '{"id":1,"method":"ping","met\u200dhod":"tools/call"}',
  'a method with a blank': '{"id":1,"method":"ping","method ":"tools/call"}',
  'a method with a dash': '{"id":1,"method":"ping","me-thod":"tools/call"}',
  'a prototype': '{"id":1,"result":{},"__proto__":{"method":"tools/call","params":{"name":"x"}}}',
  'a prototype of params': '{"id":1,"method":"tools/call","params":{"name":"x","__proto__":{"arguments":{}}}}',
  'a name in capitals': '{"id":1,"method":"tools/call","params":{"name":"safe","NAME":"x"}}',
  'arguments in capitals': '{"id":1,"method":"tools/call","params":{"name":"x","Arguments":{}}}',
  'a name with a lone surrogate': '{"id":1,"method":"tools/call","params":{"name":"x","name\\ud800":"y"}}',
  'a method value in capitals': '{"id":1,"method":"Tools/Call","params":{"name":"x"}}',
  'a method value with a trailing NUL': '{"id":1,"method":"tools/call\\u0000","params":{"name":"x"}}',
  'a method value with a blank': '{"id":1,"method":" tools/call","params":{"name":"x"}}',
  'a method value that is a lone surrogate': '{"id":1,"method":"\\ud800"}',
  'a method that is no text': '{"id":1,"method":["tools/call"]}',
  'a method beside a result': `{"result":{},${call}}`,
  'a method beside an error': `{"error":{},${call}}`,
  'neither method nor answer': '{"id":1,"params":{"name":"x"}}',
  'an id of null': whole.replace('"id":1', '"id":null'),
  'an id that is a fraction': whole.replace('"id":1', '"id":1.5'),
  'an id above 2^53': whole.replace('"id":1', '"id":9007199254740993'),
  'an id of 1e400': whole.replace('"id":1', '"id":1e400'),
  'an id that is an object': whole.replace('"id":1', '"id":{}'),
  'an id that is a list': whole.replace('"id":1', '"id":[1]'),
  'an id that is true': whole.replace('"id":1', '"id":true'),
  'an id that is a lone surrogate': whole.replace('"id":1', '"id":"\\udc00"'),
  'an id that is too long': whole.replace('"id":1', `"id":"${'x'.repeat(MAX_ID_LENGTH + 1)}"`),
  'a million levels': `{"x":${'['.repeat(1_000_000)}${']'.repeat(1_000_000)},${call}}`,
}

describe('a line of a client', () => {
  for (const [what, line] of Object.entries(smuggled)) {
    it(`is refused: ${what}`, () => {
      const message = readClientMessage(Buffer.from(line))
      assert.equal(message.kind, 'unreadable')
      assert.match('reason' in message ? message.reason : '', /^[a-zA-Z0-9 "/_-]+$/)
    })
  }

  it('is refused with -32600 before a million keys hold up every other call', () => {
    const keys = Array.from({ length: 900_000 }, (_, place) => `"key${place}":1`).join(',')
    const line = Buffer.from(`{"id":1,"method":"tools/call","params":{"name":"x","arguments":{${keys}}}}`)
    const start = performance.now()
    const message = readClientMessage(line)
    assert.ok(performance.now() - start < 1_000)
    assert.deepEqual(message, { kind: 'unreadable', code: -32600, reason: 'more than 100000 keys' })
  })

  it('is refused under its own id only where that id can be read one way', () => {
    const idOf = (line: string): unknown => (readClientMessage(Buffer.from(line)) as { readonly id?: unknown }).id
    assert.equal(idOf('{"id":7,"method":1}'), 7)
    assert.equal(idOf('{"id":7,"id":8,"method":"x"}'), undefined)
    assert.equal(idOf('{"id":1.5,"method":"x"}'), undefined)
  })

  it('is read, when it is odd but can be read in one way only', () => {
    const lines = [
      ' {"method":"tools\\/call","id":"","params":{"n\\u0061me":"x"},"future":[1.0,1e5]}\t',
      '{"id":-1,"method":"notifications/odd","params":null}',
      '{"id":1.0,"method":"x","params":[1]}',
      '{"id":"\ud83d\ude00","method":"vendor/method_of-its.own"}',
    ]
    for (const line of lines) assert.equal(readClientMessage(Buffer.from(line)).kind, 'request', line)
    assert.equal(readClientMessage(Buffer.from('{"method":"x","result_":1}')).kind, 'unreadable')
    assert.equal(readClientMessage(Buffer.from('{"id":"r","error":{"code":1}}')).kind, 'response')
  })

  it('gives the arguments as the bytes that stand in the line', () => {
    const line = Buffer.from(
      '{"id":1,"method":"tools/call","params":{"name":"x","arguments": {"n":9007199254740993 } }}',
    )
    const message = readClientMessage(line)
    assert.ok(message.kind === 'request')
    assert.equal(paramBytes(line, message.shape, 'arguments')?.toString(), '{"n":9007199254740993 }')
  })

  it('never throws, whatever its bytes are', () => {
    fc.assert(
      fc.property(fc.oneof(fc.uint8Array(), fc.json().map(Buffer.from)), (bytes) => {
        readClientMessage(Buffer.from(bytes))
        readServerMessage(Buffer.from(bytes))
      }),
      { seed: 2, numRuns: 500 },
    )
  })
})

describe('a line of a server', () => {
  const suspects: Readonly<Record<string, string>> = {
    'an answer in UTF-16, which Python guesses': '{"id":1,"result":{}}'.replaceAll(/./g, '$&\0'),
    'the same with its mark': '\ufffd\ufffd{"id":1,"result":{}}'.replaceAll(/./g, '\0$&'),
    'an id twice': '{"id":1,"id":2,"result":{}}',
    'an id twice, behind another double': '{"x":1,"x":1,"id":1,"id":2,"result":{}}',
    'a result twice': '{"id":1,"result":{},"result":{"isError":true}}',
    'an id in capitals': '{"ID":1,"result":{}}',
    'an id in full width': '{"\uff49d":1,"result":{}}',
    'a method beside a result': '{"id":1,"method":"x","result":{}}',
    'a method beside an error': '{"id":1,"method":"x","error":{}}',
    'a batch': '[{"id":1,"result":{}}]',
    'a batch with a byte order mark': '\ufeff[{"id":1,"result":{}}]',
    'a byte order mark': '\ufeff{"id":1,"result":{}}',
    NaN: '{"id":1,"result":NaN}',
    'an id behind a carriage return': 'x\r{"id":1,"result":{}}',
    'a message in white space': '{"method":"x","params":\r{"id":1,"result":{}}\r}',
    'an escaped id beside NaN': '{"\\u0069d":1,"result":NaN}',
    'an id that is a fraction': '{"id":1.5,"result":{}}',
    'an id of null': '{"id":null,"result":{}}',
    'too many levels': `{"id":1,"result":${'['.repeat(600)}${']'.repeat(600)}}`,
  }
  for (const [what, line] of Object.entries(suspects)) {
    it(`is suspect: ${what}`, () => assert.equal(readServerMessage(Buffer.from(line)), 'suspect'))
  }

  it('is foreign, when no client takes it for a message', () => {
    for (const line of ['', 'listening on 8080', '{"level":"info"}', '[1,2]', '{ not JSON', '[info] started', '3'])
      assert.equal(readServerMessage(Buffer.from(line)), 'foreign', line)
  })

  it('is an answer, a request or a notification otherwise, with unknown keys and doubles within a result', () => {
    const kindOf = (line: string): unknown => (readServerMessage(Buffer.from(line)) as { readonly kind?: unknown }).kind
    assert.equal(kindOf('{"id":1,"result":{"k":1,"k":2},"extra":1}'), 'response')
    assert.equal(kindOf('{"id":1,"method":"roots/list"}'), 'request')
    assert.equal(kindOf('{"method":"notifications/message","params":{}}'), 'notification')
  })
})
