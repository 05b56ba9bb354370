// What a running `up` says to bad input: a second one beside it, a port that is taken, bad tokens, cursors and dates.
import assert from 'node:assert/strict'
import { once } from 'node:events'
import { createServer } from 'node:net'
import { after, before, describe, it } from 'node:test'
import { runCommand } from '../support/command.ts'
import { Pipeline, type RunningUp } from '../support/pipeline.ts'
import { problemOf } from '../support/problem.ts'

const STACK = /^ {4}at /m

describe('an `up` that runs', () => {
  const pipeline = new Pipeline()
  let up: RunningUp

  before(async () => {
    up = await pipeline.startUp()
  })
  after(async () => {
    await pipeline.stopUp(up)
    await pipeline.remove()
  })

  it('keeps a second one off its directory', async () => {
    const { code, errors } = await runCommand(['up', '--port', '0'], pipeline.environment)
    assert.match(errors, /DATA_LOCKED.*already runs.*at: .*data\n {2}fix: stop it first, or/s)
    assert.doesNotMatch(errors, STACK)
    assert.equal(code, 5)
    assert.equal((await pipeline.request(up, '/readyz')).status, 200)
  })

  it('keeps a detectors process off its directory', async () => {
    const { code, errors } = await runCommand(['detectors'], pipeline.environment)
    assert.match(errors, /DATA_LOCKED: detectors already runs/)
    assert.equal(code, 5)
  })

  it('is asked by verify, which cannot open the store itself', async () => {
    const { code, report } = await pipeline.verify()
    assert.equal(code, 0)
    assert.equal(report.verdict, 'valid')
  })

  it('refuses a wrong token', async () => {
    const response = await fetch(new URL('/v1/calls', up.url), { headers: { authorization: 'Bearer not-the-one' } })
    const { code, message } = await problemOf(response, 401)
    assert.equal(code, 'UNAUTHORIZED')
    assert.doesNotMatch(message, /not-the-one/)
  })

  for (const [what, path, where] of [
    ['cursor', '/v1/calls?cursor=nonsense', /cursor/],
    ['date', '/v1/calls?from=yesterday', /from/],
    ['filter', '/v1/events?colour=red', /colour/],
    ['call', '/v1/calls/nonsense', /id/],
  ] as const) {
    it(`names a bad ${what}`, async () => {
      const problem = await problemOf(await pipeline.request(up, path), 400)
      assert.equal(problem.code, 'REQUEST_INVALID')
      assert.match(JSON.stringify(problem), where)
    })
  }
})

describe('a port that is taken', () => {
  it('ends up, which names the port and how to choose another one', async (context) => {
    const pipeline = new Pipeline()
    const taken = createServer().listen(0, '127.0.0.1')
    context.after(() => {
      taken.close()
      return pipeline.remove()
    })
    await once(taken, 'listening')
    const address = taken.address()
    assert.ok(typeof address === 'object' && address !== null)
    const { code, errors } = await runCommand(['up', '--port', String(address.port)], pipeline.environment)
    assert.match(errors, new RegExp(`PORT_IN_USE.*at: .*${address.port}\\n {2}fix:`, 's'))
    assert.doesNotMatch(errors, STACK)
    assert.equal(code, 5)
  })
})
