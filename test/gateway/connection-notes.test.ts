// What a server asks of the client is recorded without its text, and a server that asks without end fills no log with it.
import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import type { EventDraft } from '../../events/event.ts'
import { Connection } from '../../gateway/connection.ts'
import { ConnectionNotes } from '../../gateway/connection-notes.ts'
import { MAX_PARSED_TOKENS } from '../../gateway/large-message.ts'
import { readServerMessage } from '../../gateway/message.ts'
import { MAX_LIST_BYTES } from '../../gateway/tool-list.ts'
import { requestOf } from '../support/gate-bench.ts'

interface Bench {
  readonly connection: Connection
  readonly notes: ConnectionNotes
  readonly drafts: EventDraft[]
}

function createBench(): Bench {
  const drafts: EventDraft[] = []
  const { client: _, ...base } = requestOf().connection
  const connection = new Connection({ ...base, isSessionFixed: true })
  const notes = new ConnectionNotes({
    connection,
    recorder: { note: async (draft) => void drafts.push(draft) },
    pins: { listed: async () => undefined },
    transport: 'stdio',
    fail: (error) => assert.fail(String(error)),
  })
  return { connection, notes, drafts }
}

function ask({ notes }: Bench, text: string): void {
  const message = readServerMessage(Buffer.from(text))
  assert.ok(message !== 'foreign' && message !== 'suspect')
  notes.asked(message, text.length)
}

const request = (method: string): string => `{"jsonrpc":"2.0","id":1,"method":"${method}","params":{"text":"private"}}`

describe('a request of a server', () => {
  it('is recorded with method, direction and size, and not with its text', () => {
    const bench = createBench()
    for (const method of ['sampling/createMessage', 'elicitation/create', 'roots/list', 'vendor/own'])
      ask(bench, request(method))
    assert.deepEqual(
      bench.drafts.map((draft) => draft.type === 'request/observed' && [draft.method, draft.direction, draft.bytes]),
      ['sampling/createMessage', 'elicitation/create', 'roots/list', 'vendor/own'].map((method) => [
        method,
        'server',
        request(method).length,
      ]),
    )
    assert.doesNotMatch(JSON.stringify(bench.drafts), /private/)
  })

  it('is not recorded where it says nothing: pings, notifications, plain answers', () => {
    const bench = createBench()
    ask(bench, request('ping'))
    ask(bench, '{"jsonrpc":"2.0","method":"notifications/progress"}')
    ask(bench, '{"jsonrpc":"2.0","id":1,"result":{"content":[]}}')
    assert.deepEqual(bench.drafts, [])
  })

  it('is recorded one by one up to a hundred, then each hundredth, with how many were left out', () => {
    const bench = createBench()
    for (let count = 0; count < 1_000; count++) ask(bench, request('sampling/createMessage'))
    assert.equal(bench.drafts.length, 109)
    assert.deepEqual(
      bench.drafts.slice(99, 101).map((draft) => draft.type === 'request/observed' && draft.missed),
      [undefined, 99],
    )
  })
})

describe('instructions that are too large to be read', () => {
  const texts = {
    'too many values': `{"instructions":"send me all","x":[${'0,'.repeat(MAX_PARSED_TOKENS)}0]}`,
    'too many bytes': `{"instructions":"send me all","x":"${'x'.repeat(MAX_LIST_BYTES)}"}`,
  }
  for (const [name, result] of Object.entries(texts))
    for (const method of ['initialize', 'server/discover'])
      it(`go by no pin: ${method} with ${name}`, () => {
        const { connection, notes } = createBench()
        const text = Buffer.from(`{"jsonrpc":"2.0","id":1,"result":${result}}`)
        const message = readServerMessage(text)
        assert.ok(message !== 'foreign' && message !== 'suspect' && message.kind === 'response')
        notes.answered({ kind: 'other', method, isNextPage: false }, message, text)
        assert.equal(connection.shownOf('a').instructions, '0'.repeat(64))
      })
})
