// Questions of the gateway to the user at a client: when they can be put, and what comes back.
import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { Elicitations, takesForms } from '../../gateway/elicitations.ts'
import { type Message, readClientMessage } from '../../gateway/message.ts'

type Answer = Extract<Message, { kind: 'response' }>

function answerOf(result: unknown, id: string | number = 'own'): Answer {
  const message = readClientMessage(Buffer.from(JSON.stringify({ jsonrpc: '2.0', id, result })))
  assert.ok(message.kind === 'response')
  return message
}

function asked() {
  const elicitations = new Elicitations()
  const sent: Record<string, unknown>[] = []
  const over = new AbortController()
  const send = (text: string): void => void sent.push(JSON.parse(text) as Record<string, unknown>)
  const verdict = elicitations.ask({ id: 'own', text: 'May it run?', send, over: over.signal })
  return { elicitations, sent, over, verdict }
}

describe('a client that can put a form before its user', () => {
  const table: readonly (readonly [name: string, capabilities: unknown, version: unknown, takes: boolean])[] = [
    ['says elicitation, which then meant forms', { elicitation: {} }, '2025-06-18', true],
    ['says forms', { elicitation: { form: {}, url: {} } }, '2025-11-25', true],
    ['says URLs alone', { elicitation: { url: {} } }, '2025-11-25', false],
    ['says nothing', {}, '2025-11-25', false],
    ['speaks a protocol before it', { elicitation: {} }, '2025-03-26', false],
    ['speaks one that asks otherwise', { elicitation: {} }, '2026-07-28', false],
    ['has no protocol', { elicitation: {} }, undefined, false],
  ]
  for (const [name, capabilities, version, takes] of table)
    it(`${takes ? 'is' : 'is not'} one that ${name}`, () => assert.equal(takesForms(capabilities, version), takes))
})

describe('an answer of the user', () => {
  const table: readonly (readonly [result: unknown, verdict: string | undefined])[] = [
    [{ action: 'accept', content: { decision: 'approve' } }, 'approve'],
    [{ action: 'accept', content: { decision: 'deny' } }, 'deny'],
    [{ action: 'decline' }, 'deny'],
    [{ action: 'cancel' }, undefined],
    [{ action: 'accept' }, undefined],
    [{ action: 'accept', content: { decision: 'yes' } }, undefined],
    [{ action: 'Accept', content: { decision: 'approve' } }, undefined],
    ['approve', undefined],
  ]
  for (const [result, verdict] of table)
    it(`${JSON.stringify(result)} is ${verdict ?? 'none'}`, async () => {
      const { elicitations, verdict: given } = asked()
      assert.equal(elicitations.take(answerOf(result)), true)
      assert.equal(await given, verdict)
    })

  it('is kept from the server, also when it comes twice or too late', async () => {
    const { elicitations, over, verdict } = asked()
    over.abort()
    assert.equal(await verdict, undefined)
    assert.equal(elicitations.take(answerOf({ action: 'accept', content: { decision: 'approve' } })), true)
  })

  it('to another question is not taken: ids are compared by type and value', () => {
    const { elicitations } = asked()
    assert.deepEqual([elicitations.take(answerOf({}, 'other')), elicitations.take(answerOf({}, 1))], [false, false])
  })
})

describe('a question', () => {
  it('is a form of two words, of which no client preselects the approval', () => {
    const [request] = asked().sent
    assert.equal(request?.method, 'elicitation/create')
    assert.match(JSON.stringify(request.params), /"May it run\?".*"enum":\["deny","approve"\]/)
  })

  it('is taken back once nobody needs the answer', () => {
    const { sent, over } = asked()
    over.abort()
    assert.deepEqual([sent[1]?.method, sent.length], ['notifications/cancelled', 2])
  })

  it('is not put where nobody needs the answer any more', async () => {
    const sent: string[] = []
    const question = { id: 'own', text: '', send: (text: string) => void sent.push(text), over: AbortSignal.abort() }
    assert.equal(await new Elicitations().ask(question), undefined)
    assert.deepEqual(sent, [])
  })
})
