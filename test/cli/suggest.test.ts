// The policy that follows from a history: it loads, it allows what was done and little else, and it says the same each time.
import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import fc from 'fast-check'
import { PolicyReplay } from '../../cli/policy-replay.ts'
import { HistoryEvidence } from '../../cli/suggest/history-evidence.ts'
import { writePolicy } from '../../cli/suggest/write-policy.ts'
import type { RecordedCall } from '../../ledger/recorded-call.ts'
import { loadPolicy } from '../gateway/policy/support.ts'

const rootOf = (): string => '/srv'

function callOf(tool: string, value: unknown, more: Partial<RecordedCall> = {}): RecordedCall {
  return {
    ...{ call: 'c', timeMs: Date.UTC(2026, 0, 1), principal: 'agent:a', session: 's', client: 'c', server: 'files' },
    ...{ method: 'tools/call', argumentsDigest: undefined, decided: undefined, status: 'ok' },
    ...{ tool, arguments: { state: 'full', value } },
    ...more,
  }
}

/** The same call in several sessions, so that it is a habit. */
function often(tool: string, value: unknown, server = 'files'): readonly RecordedCall[] {
  return ['s1', 's2', 's3'].map((session) => callOf(tool, value, { session, server }))
}

function suggest(calls: readonly RecordedCall[], missedShare = 0): string {
  const evidence = new HistoryEvidence(rootOf)
  for (const call of calls) evidence.add(call)
  return writePolicy(evidence.suggest({ missedShare }), 'a test')
}

function decisions(policy: string, calls: readonly RecordedCall[]): readonly string[] {
  const replay = new PolicyReplay(loadPolicy(policy), { rootOf })
  return calls.map((call) => {
    const replayed = replay.take(call)
    return replayed.type === 'decided' ? replayed.decision : 'undecided'
  })
}

const READS = [
  ...['a/1.txt', 'a/2.txt', 'a/3.txt', 'b/x'].flatMap((name) => often('read_file', { path: `/srv/${name}` })),
  ...often('list_directory', { path: '/srv/a' }),
]

describe('a suggested policy', () => {
  it('allows the directories that were used, and no others', () => {
    const policy = suggest(READS)
    assert.deepEqual(loadPolicy(policy).rules[0]?.constraints?.allowedPaths, ['/srv/a', '/srv/b/x'])
    const others = ['/srv/a/4.txt', '/srv/b/y', '/etc/passwd', '/srv/a/../b/y'].map((path) =>
      callOf('read_file', { path }),
    )
    assert.deepEqual(decisions(policy, others), ['allow', 'deny', 'deny', 'deny'])
  })

  it('allows the hosts that were named, and no others', () => {
    const policy = suggest(often('fetch_page', { url: 'https://docs.example.com/a', note: 'see other.example' }, 'web'))
    const urls = ['https://docs.example.com/b', 'https://evil.example/', 'http://127.0.0.1/']
    const others = urls.map((url) => callOf('fetch_page', { url }, { server: 'web' }))
    assert.deepEqual(decisions(policy, others), ['allow', 'deny', 'deny'])
  })

  it('lists the values of tools that do more than read, but no secrets', () => {
    const sent = { to: 'anna', amount: 20, password: 'hunter2', otp: '123456', text: 'sk-ant-0123456789abcdefghij' }
    const policy = suggest(often('send_money', sent))
    assert.match(policy, /"to": \{"enum":\["anna"\]\}/)
    assert.doesNotMatch(policy, /hunter2|123456|sk-ant/)
    const others = [{ to: 'mallory', amount: 20 }, { to: 'anna', amount: 21 }, { to: 'anna' }]
    assert.deepEqual(
      decisions(
        policy,
        others.map((value) => callOf('send_money', value)),
      ),
      ['deny', 'deny', 'allow'],
    )
  })

  it('groups reading tools of a server and names every tool that does more', () => {
    const policy = suggest([...READS, ...often('delete_file', { path: '/srv/a/1.txt' }), ...often('get_time', {})])
    assert.deepEqual(
      loadPolicy(policy).rules.map(({ name }) => name),
      ['files-read', 'files-read-2', 'files-delete_file'],
    )
    assert.match(policy, /# 15 calls in 3 sessions\n {2}- id: "files-read"/)
  })

  it('takes what one session alone did for no habit, where it may miss some', () => {
    const calls = [...READS, callOf('read_file', { path: '/etc/passwd' }, { session: 'odd' })]
    assert.deepEqual(decisions(suggest(calls, 0.5), [callOf('read_file', { path: '/etc/shadow' })]), ['deny'])
    assert.match(suggest(calls, 0.5), /would deny a call in 1 of the 4 sessions/)
  })

  it('says so, when so few sessions leave constraints out', () => {
    const calls = [...READS, callOf('read_file', { path: '/etc/passwd' }, { session: 'odd' })]
    assert.match(suggest(calls, 0.02), /# So few sessions .* --missed 50/)
    for (const share of [0, 0.5]) assert.doesNotMatch(suggest(calls, share), /So few sessions/)
    assert.doesNotMatch(suggest(READS, 0.02), /So few sessions/)
  })

  it('takes no denied call for evidence, and none that was changed in the store', () => {
    const decided = {
      decision: 'deny',
      reason: 'policy_default',
      rule: undefined,
      observed: undefined,
      final: 'deny',
    } as const
    const calls = [callOf('a', {}, { decided }), callOf('b', {}, { arguments: { state: 'altered' } })]
    assert.match(suggest(calls), /rules: \[\]/)
  })

  it('says where arguments were not recorded', () => {
    const unknown = callOf('write_file', {}, { arguments: { state: 'commitment' } })
    const policy = suggest([unknown])
    assert.match(policy, /# 1 call in 1 session; arguments of 1 were not recorded/)
    assert.deepEqual(decisions(policy, [unknown]), ['allow'])
  })

  it('is the same text for the same calls', () => {
    assert.equal(suggest(READS), suggest(READS))
    assert.equal(suggest(READS), suggest(READS.toReversed()))
  })

  it('keeps names out of its own syntax', () => {
    const server = 'a\n- id: x: "\u2028#*{}'
    const policy = suggest([callOf('t\\[x]/(y)\n', { 'k\n: "': 1, 'a.b': '/x' }, { server, principal: 'p\nq: 1' })])
    assert.equal(loadPolicy(policy).rules.length, 1)
  })
})

const argument = fc.oneof(
  fc.constantFrom('/srv/a/b', '/srv/a/c.txt', '/etc/x', 'b.txt', '../x', '~/x', 'file:///srv/a', 'see /srv/a or b.org'),
  fc.constantFrom(
    'https://a.example.com/x',
    'b.example.com',
    'me@example.org',
    'http://127.0.0.1:8080',
    'http://',
    'x y',
  ),
  fc.jsonValue({ maxDepth: 2 }),
)
const anyCall = fc
  .record({
    tool: fc.oneof(
      fc.constantFrom('read_file', 'get_page', 'send', 'delete_it', 'resource:file:///srv/a'),
      fc.string({ minLength: 1, maxLength: 20 }),
    ),
    server: fc.oneof(fc.constantFrom('files', 'web'), fc.string({ minLength: 1, maxLength: 10 })),
    session: fc.constantFrom('s1', 's2', 's3'),
    value: fc.dictionary(
      fc.oneof(fc.constantFrom('path', 'url', 'to', 'a.b', ''), fc.string({ maxLength: 8 })),
      argument,
      { maxKeys: 4 },
    ),
  })
  .map(({ tool, value, ...names }) =>
    callOf(tool, value, { ...names, method: tool.startsWith('resource:') ? 'resources/read' : 'tools/call' }),
  )

describe('a policy suggested from any history', () => {
  it('loads, and allows every call of it', () => {
    fc.assert(
      fc.property(fc.array(anyCall, { minLength: 1, maxLength: 12 }), (calls) => {
        const decided = decisions(suggest(calls), calls)
        const denied = calls.filter((_, place) => decided[place] !== 'allow')
        assert.deepEqual(denied, [])
      }),
      { numRuns: 60, seed: 5 },
    )
  })
})
