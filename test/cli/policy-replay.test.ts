// What a policy would have decided: at the recorded time, with its limits, and never by arguments that were not recorded.
import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { PolicyReplay, type ReplayedDecision } from '../../cli/policy-replay.ts'
import { ReplayTally } from '../../cli/replay-report.ts'
import type { RecordedCall } from '../../ledger/recorded-call.ts'
import { loadPolicy } from '../gateway/policy/support.ts'

const START_MS = Date.UTC(2026, 10, 23, 9)

function callOf(more: Partial<RecordedCall> = {}): RecordedCall {
  return {
    ...{ call: 'c', timeMs: START_MS, principal: 'agent:a', session: 's', client: 'c', server: 'files' },
    ...{ tool: 'read_file', method: 'tools/call', argumentsDigest: undefined, decided: undefined, status: 'ok' },
    arguments: { state: 'full', value: { path: '/srv/a' } },
    ...more,
  }
}

function replayAll(rules: string, calls: readonly RecordedCall[]): readonly string[] {
  const replay = new PolicyReplay(loadPolicy(`version: "1"\nrules:\n${rules}`), { rootOf: () => undefined })
  return calls.map((call) => textOf(replay.take(call)))
}

function textOf(replayed: ReplayedDecision): string {
  return replayed.type === 'decided' ? `${replayed.decision} ${replayed.reason}` : `undecided ${replayed.why}`
}

const ALLOW_ALL = '  - { id: all, action: allow }'
const IN_SRV = '  - { id: srv, tool: read_*, action: allow, constraints: { allowedPaths: ["/srv/"] } }'

describe('a replay', () => {
  it('decides by rules, constraints and default', () => {
    const calls = [callOf(), callOf({ arguments: { state: 'full', value: { path: '/etc/x' } } }), callOf({ tool: 'x' })]
    assert.deepEqual(replayAll(IN_SRV, calls), ['allow policy_rule', 'deny constraint_path', 'deny policy_default'])
  })

  it('does not decide by arguments that were not recorded, and needs none where the rule asks for none', () => {
    for (const state of ['commitment', 'redacted', 'cut', 'erased', 'missing'] as const) {
      const call = callOf({ arguments: { state } })
      assert.deepEqual(replayAll(IN_SRV, [call]), [`undecided ${state}`])
      assert.deepEqual(replayAll(ALLOW_ALL, [call]), ['allow policy_rule'])
      assert.deepEqual(replayAll(IN_SRV, [{ ...call, tool: 'x' }]), ['deny policy_default'])
    }
  })

  it('never decides on a call that was changed in the store', () => {
    assert.deepEqual(replayAll(ALLOW_ALL, [callOf({ arguments: { state: 'altered' } })]), ['undecided altered'])
  })

  it('counts limits at the recorded times, each server by itself', () => {
    const rules = '  - { id: two, action: allow, rateLimit: { calls: 2, per: 60s, by: principal } }'
    const at = (seconds: number, server = 'files'): RecordedCall =>
      callOf({ timeMs: START_MS + seconds * 1000, server })
    const calls = [at(0), at(1), at(2), at(2, 'web'), at(61), at(61.5)]
    assert.deepEqual(
      replayAll(rules, calls).map((text) => text.split(' ')[0]),
      ['allow', 'allow', 'deny', 'allow', 'allow', 'allow'],
    )
  })

  it('charges no call that would not have run', () => {
    const rules = '  - { id: one, action: escalate, rateLimit: { calls: 1, per: 60s, by: principal } }'
    const decided = { decision: 'escalate', reason: 'needs_approval', rule: 'x', observed: undefined } as const
    const refused = callOf({ decided: { ...decided, final: 'deny' }, status: 'none' })
    const approved = callOf({ decided: { ...decided, final: 'allow' } })
    assert.deepEqual(replayAll(rules, [refused, approved, callOf()]), [
      'escalate policy_rule',
      'escalate policy_rule',
      'deny rate_limit',
    ])
  })

  it('asks again for a call whose outcome was unknown', () => {
    const rules = '  - { id: once, action: allow, onAmbiguous: deny }'
    const calls = [
      callOf({ status: 'timeout' }),
      callOf(),
      callOf({ arguments: { state: 'full', value: { path: 'b' } } }),
    ]
    assert.deepEqual(replayAll(rules, calls), ['allow policy_rule', 'deny ambiguous_repeat', 'allow policy_rule'])
  })

  it('looks at the hours of the recorded time', () => {
    const rules = '  - { id: day, action: allow, when: { from: "08:00", to: "18:00" } }'
    const night = callOf({ timeMs: START_MS + 12 * 3_600_000 })
    assert.deepEqual(replayAll(rules, [callOf(), night]), ['allow policy_rule', 'deny policy_default'])
  })

  it('finds numbers that programs read differently in the recorded text', () => {
    const rules =
      '  - { id: n, action: allow, constraints: { arguments: { properties: { n: { maximum: 1.0e+20 } } } } }'
    const text = '{"n":9007199254740993}'
    const call = callOf({ arguments: { state: 'full', value: JSON.parse(text), text } })
    assert.deepEqual(replayAll(rules, [call]), ['deny constraint_argument'])
  })
})

describe('the report of a replay', () => {
  const decided = { decision: 'allow', reason: 'policy_rule', rule: 'r', observed: undefined, final: 'allow' } as const

  function reportOf(calls: readonly RecordedCall[]) {
    const replay = new PolicyReplay(loadPolicy(`version: "1"\nrules:\n${IN_SRV}`), { rootOf: () => undefined })
    const tally = new ReplayTally()
    for (const call of calls) tally.add(call, replay.take(call))
    return tally.report({ policy: 'p', history: 'h' })
  }

  it('counts by decision, rule, tool and principal', () => {
    const report = reportOf([callOf(), callOf({ tool: 'x' }), callOf({ arguments: { state: 'commitment' } })])
    assert.deepEqual(report.decisions, { allow: 1, deny: 1, escalate: 0, undecided: 1 })
    assert.deepEqual(report.undecided, { commitment: 1 })
    assert.deepEqual(report.byTool[0], { name: 'files/read_file', allow: 1, deny: 0, escalate: 0, undecided: 1 })
    assert.deepEqual(
      report.byRule.map(({ name }) => name),
      ['srv', 'default'],
    )
  })

  it('lists what changed, and compares neither what was held back otherwise nor what was not decided', () => {
    const held = { ...decided, decision: 'deny', reason: 'switch_stopped', final: 'deny' } as const
    const report = reportOf([callOf({ decided }), callOf({ decided, tool: 'x' }), callOf({ decided: held }), callOf()])
    assert.equal(report.changed.calls, 1)
    const change = { tool: 'files/x', from: 'allow', to: 'deny', rule: 'default', reason: 'policy_default' }
    assert.deepEqual(report.changed.kinds, [{ ...change, calls: 1 }])
    assert.deepEqual([report.held, report.undecidedThen], [1, 1])
  })

  it('compares with what a policy that was only observed would have decided', () => {
    const observed = { decision: 'deny', reason: 'policy_default' } as const
    const report = reportOf([callOf({ decided: { ...decided, reason: 'observed', observed } })])
    assert.deepEqual(
      report.changed.listed.map(({ from, to }) => [from, to]),
      [['deny', 'allow']],
    )
  })
})
