// Messages of a server with more values than are built: read in part, in bounded time, and never otherwise than a parser
// would read them.
import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import fc from 'fast-check'
import { outcomeOf } from '../../gateway/answer.ts'
import { scanShape } from '../../gateway/json-shape.ts'
import { hasMoreTokens, MAX_PARSED_BYTES, MAX_PARSED_TOKENS, readLargeMessage } from '../../gateway/large-message.ts'
import { type Message, readClientMessage, readServerMessage } from '../../gateway/message.ts'

const MANY = Array.from({ length: MAX_PARSED_TOKENS / 2 }, (_, key) => `"k${key}":[${key}]`).join(',')

function response(text: string): Extract<Message, { kind: 'response' }> {
  const message = readServerMessage(Buffer.from(text))
  assert.ok(typeof message === 'object' && message.kind === 'response')
  return message
}

describe('readLargeMessage', () => {
  it('reads what JSON.parse reads, with the same places of the members', () => {
    const messages = fc.dictionary(fc.string({ unit: 'grapheme' }), fc.jsonValue({ depthSize: 'medium' }), {
      maxKeys: 9,
    })
    const layouts = fc.constantFrom(undefined, 1, '\t')
    fc.assert(
      fc.property(messages, layouts, (value, layout) => {
        const text = Buffer.from(JSON.stringify({ ...value, result: { isError: true, value } }, null, layout))
        const { value: read, shape } = readLargeMessage(text) ?? assert.fail('not read')
        assert.deepEqual(read, JSON.parse(text.toString()))
        assert.deepEqual(shape.members, scanShape(text).members)
      }),
      { seed: 20_261_122 },
    )
  })

  const unreadable = [
    '{',
    '{"a":NaN}',
    "{'a':1}",
    '{"a":1}/**/',
    '{"a":1}{}',
    '{"a":[}]',
    '[{"id":1}]',
    '1',
    '',
    '{"a":1,"b"}',
  ]
  for (const text of unreadable)
    it(`does not read ${text}`, () => assert.equal(readLargeMessage(Buffer.from(text)), undefined))
})

describe('an answer of many bytes', () => {
  const pieces = { plain: 'a', characters: 'é', escapes: '\\u00e9', pairs: '\\ud83d\\ude00', backslashes: '\\\\' }
  for (const [name, piece] of Object.entries(pieces))
    it(`has the rest of its long text left unread, and that said: ${name}`, () => {
      const long = piece.repeat(Math.ceil((MAX_PARSED_BYTES + 1) / Buffer.byteLength(piece)))
      const { id, value, shape } = response(
        `{"result":{"content":[{"text":"x${long}"},{"text":"end"}],"isError":true},"id":7}`,
      )
      const { content, isError } = value.result as { content: { text: string }[]; isError: boolean }
      assert.deepEqual([id, content.length, content[1]?.text, isError, shape.isCut], [7, 2, 'end', true, true])
      const read = content[0]?.text ?? ''
      const whole = JSON.parse(`"${piece}"`) as string
      assert.ok(read === '' || read === `x${whole.repeat((read.length - 1) / whole.length)}`)
    })

  it('is told by the bytes that its receipt commits to, all of them', () => {
    const text = `{"id":7,"result":{"text":"${'a'.repeat(MAX_PARSED_BYTES)}"}}`
    const { resultBytes, isResultCut } = outcomeOf(response(text), Buffer.from(text), false)
    assert.deepEqual([resultBytes.length, isResultCut], [text.length - '{"id":7,"result":}'.length, true])
  })
})

describe('hasMoreTokens', () => {
  it('counts values and keys, and nothing within strings', () => {
    assert.equal(hasMoreTokens(Buffer.from('[1,2,3]'), 3), false)
    assert.equal(hasMoreTokens(Buffer.from('[1,2,3]'), 2), true)
    assert.equal(hasMoreTokens(Buffer.from('["\\",,,,,,,,,,,"]'), 2), false)
  })
})

describe('an answer with too many values', () => {
  it('is read by its id, its error flag and what stands before the cut', () => {
    const message = response(
      `{"result":{"content":[{"text":"seen"}],"x":{${MANY}},"isError":true},"jsonrpc":"2.0","id":7}`,
    )
    const { status, resultBytes, resultValue, isResultCut } = outcomeOf(message, Buffer.alloc(0), false)
    assert.deepEqual({ id: message.id, status, isResultCut }, { id: 7, status: 'tool_error', isResultCut: true })
    assert.deepEqual((resultValue as { content: unknown }).content, [{ text: 'seen' }])
    assert.equal(resultBytes.length, 0)
  })

  it('takes the last of two error flags, as parsers do, also with an escape', () => {
    const flags = '"isError":true,"\\u0069sError": false'
    assert.equal(outcomeOf(response(`{"id":1,"result":{${MANY},${flags}}}`), Buffer.alloc(0), false).status, 'ok')
  })

  it('has its whole result as bytes', () => {
    const text = `{"id":1,"result": {"x":{${MANY}}} }`
    const { resultBytes } = outcomeOf(response(text), Buffer.from(text), false)
    assert.equal(resultBytes.toString(), `{"x":{${MANY}}}`)
  })

  const suspects: Readonly<Record<string, string>> = {
    'two ids': `{"id":1,"result":{${MANY}},"id":2}`,
    'an id in another case': `{"id":1,"result":{${MANY}},"ID":2}`,
    'NaN behind the cut': `{"id":1,"result":{${MANY},"n":NaN}}`,
    'a batch': `[{"id":1,"result":{${MANY}}}]`,
    'a message between returns': `{"method":"x","params":{"y":{${MANY}},"z":\r{"id":1,"result":{}}\r}}`,
    'a method behind it': `{"id":1,"result":{${MANY}},"method":"x"}`,
    'a long id': `{"id":"${'x'.repeat(5_000)}","result":{${MANY}}}`,
  }
  for (const [what, text] of Object.entries(suspects))
    it(`is suspect with ${what}`, () => assert.equal(readServerMessage(Buffer.from(text)), 'suspect'))

  it('passes with line ends of Windows', () => {
    assert.equal(response(`{"id":1,\r\n"result":{${MANY.replaceAll(',', ',\r\n')}}}`).id, 1)
  })
})

describe('a message of a client', () => {
  it('is refused with millions of empty lists, before they are built', () => {
    const text = `{"id":1,"method":"x","params":[${'[],'.repeat(300_000)}1]}`
    const message = readClientMessage(Buffer.from(text))
    assert.ok(message.kind === 'unreadable')
    assert.equal(message.reason, 'more than 500000 values')
  })
})
