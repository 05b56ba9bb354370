// What a cancel comes to where no answer follows: the receipt says so, and an answer after it finds nobody waiting.
import assert from 'node:assert/strict'
import { PassThrough } from 'node:stream'
import { describe, it } from 'node:test'
import type { Gate, OpenCall } from '../../../gateway/call-gate.ts'
import { Connection } from '../../../gateway/connection.ts'
import { ClientLines, MAX_WAITING_REQUESTS } from '../../../gateway/stdio/client-lines.ts'
import { HeldBytes, Tap } from '../../../gateway/stdio/tap.ts'
import { requestOf } from '../../support/gate-bench.ts'

/** A client's lines before a gate that lets everything pass. */
function createLines(takes = true) {
  const connection = new Connection({ ...requestOf().connection, isSessionFixed: true })
  const [sent, answered, settled]: [string[], string[], string[]] = [[], [], []]
  const call = { context: {}, decideHash: '', toolClass: 'read', startedMicros: 0 } as unknown as OpenCall
  const gate: Gate = {
    admit: async () => ({ type: 'forward', call }),
    settle: async (_, { status }) => void settled.push(status),
  }
  const lines = new ClientLines({
    connection,
    gate,
    toServer: (bytes) => takes && sent.push(bytes.toString()) > 0,
    toClient: (text) => void answered.push(text),
    held: new HeldBytes(new Tap(new PassThrough()), 1),
    observed: () => undefined,
    fail: (error) => assert.fail(error as Error),
    cancelGraceMs: 1,
  })
  const take = (message: object): void => {
    const content = Buffer.from(JSON.stringify(message))
    lines.take({ bytes: content, content })
  }
  return { connection, lines, take, sent, answered, settled }
}

const call = { id: 1, method: 'tools/call', params: { name: 'read_file' } }

describe('a cancelled call that is never answered', () => {
  it('has the receipt cancelled after the grace, and its id is free again', async () => {
    const { connection, lines, take, sent, settled } = createLines()
    take(call)
    await lines.settled()
    take({ method: 'notifications/cancelled', params: { requestId: 1 } })
    assert.deepEqual([sent.length, settled.length, connection.isWaiting(1)], [2, 0, true])
    while (connection.isWaiting(1)) await new Promise((resolve) => setImmediate(resolve))
    assert.deepEqual(settled, ['cancelled'])
  })

  it('takes the id by type and value: a cancel of "1" is none of 1', async () => {
    const { connection, lines, take } = createLines()
    take(call)
    await lines.settled()
    take({ method: 'notifications/cancelled', params: { requestId: '1' } })
    await new Promise((resolve) => setTimeout(resolve, 5))
    assert.equal(connection.isWaiting(1), true)
  })
})

describe('a call for a server that takes nothing any more', () => {
  it('has the receipt not_forwarded', async () => {
    const { lines, take, settled } = createLines(false)
    take(call)
    await lines.settled()
    assert.deepEqual(settled, ['not_forwarded'])
  })
})

describe('requests that wait for an answer', () => {
  it('are bounded: one more is refused', () => {
    const { take, sent, answered } = createLines()
    for (let id = 0; id <= MAX_WAITING_REQUESTS; id++) take({ id, method: 'ping' })
    assert.equal(sent.length, MAX_WAITING_REQUESTS)
    assert.match(
      answered[0] ?? '',
      /"code":-32000,"message":"Refused by toolwarden: 20000 requests wait for an answer"/,
    )
  })
})
