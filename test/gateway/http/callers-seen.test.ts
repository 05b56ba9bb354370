// Whom a gateway takes for the same caller over HTTP.
import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { CallersSeen, networkOf } from '../../../gateway/http/callers-seen.ts'
import { requestOf } from '../../support/gate-bench.ts'

const KEY = Buffer.alloc(32, 1)
const from = (remoteAddress: string): { remoteAddress: string } => ({ remoteAddress })

describe('the network of a connection', () => {
  const networks = [
    ['192.0.2.7', '192.0.2.7'],
    ['::ffff:192.0.2.7', '192.0.2.7'],
    ['2001:db8:1:2:3:4:5:6', '2001:db8:1:2::/64'],
    ['2001:DB8:1:2::9', '2001:db8:1:2::/64'],
    ['2001:db8::9', '2001:db8:0:0::/64'],
    ['fe80::1%eth0', 'fe80:0:0:0::/64'],
    ['::1', 'this machine'],
    ['127.8.9.1', 'this machine'],
    ['::ffff:127.0.0.1', 'this machine'],
  ] as const
  for (const [address, network] of networks) {
    it(`of ${address} is ${network}`, () => {
      assert.equal(networkOf(from(address)), network)
    })
  }

  it('is this machine, when both ends have one address', () => {
    assert.equal(networkOf({ remoteAddress: '::ffff:192.0.2.7', localAddress: '192.0.2.7' }), 'this machine')
  })
})

describe('a caller', () => {
  it('is the same over every connection and gateway, and another for another principal, network or deployment', () => {
    const one = new CallersSeen(KEY).callerOf(from('192.0.2.7'), 'agent:a')
    assert.equal(new CallersSeen(KEY).callerOf(from('192.0.2.7'), 'agent:a'), one)
    const others = [
      new CallersSeen(KEY).callerOf(from('192.0.2.7'), 'agent:b'),
      new CallersSeen(KEY).callerOf(from('192.0.2.8'), 'agent:a'),
      new CallersSeen(Buffer.alloc(32, 2)).callerOf(from('192.0.2.7'), 'agent:a'),
    ]
    assert.equal(new Set([one, ...others]).size, 4)
  })

  it('is each principal of one connection that several speak over', () => {
    const seen = new CallersSeen(KEY)
    const socket = from('192.0.2.7')
    const callers = ['agent:a', 'agent:b', 'agent:a'].map((principal) => seen.callerOf(socket, principal))
    assert.equal(callers[0], callers[2])
    assert.notEqual(callers[0], callers[1])
  })
})

describe('what binds a request', () => {
  const request = requestOf()
  const inSession = (session: string, origin?: string) => {
    const { connection } = request
    return { ...request, sessions: [session], connection: { ...connection, session, ...(origin && { origin }) } }
  }

  it('binds its session from another network too', () => {
    const seen = new CallersSeen(KEY)
    seen.bind(inSession('http:1'), 'caller:a')
    const { sessions, connection } = seen.bind(inSession('http:1'), 'caller:b')
    assert.deepEqual([sessions, connection.caller], [['http:1', 'caller:a', 'caller:b'], 'caller:b'])
    assert.deepEqual(seen.bind(inSession('http:2'), 'caller:c').sessions, ['http:2', 'caller:c'])
  })

  it('binds a trace over another session too', () => {
    const seen = new CallersSeen(KEY)
    seen.bind(inSession('trace:1', 'http:1'), 'caller:a')
    assert.deepEqual(seen.bind(inSession('trace:1', 'http:2'), 'caller:b').sessions, [
      'trace:1',
      'caller:a',
      'caller:b',
    ])
    assert.deepEqual(seen.bind(inSession('http:1'), 'caller:d').sessions, ['http:1', 'caller:a', 'caller:d'])
  })

  it('is at most twenty networks of a session, the newest', () => {
    const seen = new CallersSeen(KEY)
    for (let count = 0; count < 30; count++) seen.bind(inSession('http:1'), `caller:${count}`)
    const { sessions } = seen.bind(inSession('http:1'), 'caller:29')
    assert.equal(sessions.length, 21)
    assert.ok(sessions.includes('caller:29') && !sessions.includes('caller:0'))
  })
})
