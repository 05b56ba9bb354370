// The order of a decision: self-protection, control where it is required, adaptive rules, the policy; rules only narrow.
import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { type ControlView, EMPTY_CONTROL } from '../../events/control-view.ts'
import { MAX_RULES_PER_PRINCIPAL, type Rule } from '../../events/rule.ts'
import { argumentSignals, signalHmac } from '../../events/signals.ts'
import { formatTime } from '../../events/time.ts'
import type { ToolClass } from '../../events/tool-class.ts'
import { ruleProblem } from '../../gateway/adaptive-rules.ts'
import { type Decision, decideCall } from '../../gateway/decide.ts'
import type { Policy } from '../../gateway/policy/policy.ts'
import { createProtection } from '../../gateway/policy/protect.ts'
import { DEPLOYMENT_KEY, NO_CONTROL, NO_PINS, requestOf, ruleOf, viewOf } from '../support/gate-bench.ts'
import { factsOf, policyOf } from './policy/support.ts'

const NOW_MICROS = 1_795_000_000_000_000
const HOUR_MICROS = 3_600_000_000
const allowAll = policyOf({ action: 'allow' })

interface Case {
  readonly policy?: Policy
  readonly control?: ControlView
  readonly required?: boolean
  readonly path?: string
  readonly toolClass?: ToolClass
  readonly sessions?: readonly string[]
}

function decideOn({
  policy = allowAll,
  control = EMPTY_CONTROL,
  required = false,
  path = '/a',
  toolClass = 'read',
  sessions = ['s'],
}: Case): Decision {
  const { connection, tool } = requestOf()
  const context = { ...connection, tool, call: connection.connection }
  const argumentsValue = { path }
  const signals = argumentSignals(DEPLOYMENT_KEY, toolClass, argumentsValue)
  const facts = factsOf({ nowMs: NOW_MICROS / 1000 })
  const protection = createProtection({
    paths: ['/own/data'],
    hosts: [],
    home: '/home/u',
    workingDirectory: '/w',
    realPath: facts.realPath,
  })
  const call = { context, argumentsValue, signals, sessions }
  return decideCall(call, {
    policy,
    control,
    need: { ...NO_CONTROL, required },
    pins: NO_PINS,
    facts: { ...facts, protection },
  })
}

function rule(changes: Partial<Rule> = {}): Rule {
  return ruleOf(changes, NOW_MICROS)
}

function summary({ decision, reason }: Decision): string {
  return `${decision} ${reason}`
}

describe('decideCall', () => {
  it('goes by the policy, when nothing else speaks', () => {
    assert.equal(summary(decideOn({})), 'allow policy_rule')
    assert.equal(summary(decideOn({ policy: policyOf({ tool: 'none', action: 'allow' }) })), 'deny policy_default')
    assert.equal(summary(decideOn({ policy: policyOf({ action: 'escalate' }) })), 'escalate needs_approval')
  })

  it('puts self-protection before stale control and rules', () => {
    const control = viewOf(rule())
    assert.equal(summary(decideOn({ path: '/own/data/x', control, required: true })), 'deny self_protection')
  })

  it('denies while control is not fresh and is required, before any rule of the policy', () => {
    const denied = decideOn({ required: true })
    assert.equal(summary(denied), 'deny control_stale')
    assert.deepEqual(denied.control, { state: 'none', revision: 0 })
    assert.equal(summary(decideOn({ required: false })), 'allow policy_rule')
  })

  it('says under which policy and control it decided, and which rule did', () => {
    const decision = decideOn({ control: viewOf(rule()) })
    assert.equal(decision.policy, allowAll.hash)
    assert.equal(decision.adaptiveRule, rule().id)
    assert.equal(summary(decision), 'deny adaptive_rule')
    assert.equal(decision.text, 'too many reads')
  })
})

describe('an adaptive rule', () => {
  it('only narrows: what the policy denies or escalates is never opened by it', () => {
    const deny = policyOf({ action: 'deny' })
    const ask = policyOf({ action: 'escalate' })
    const escalating = viewOf(rule({ action: 'escalate' }))
    assert.equal(summary(decideOn({ policy: deny, control: escalating })), 'deny policy_rule')
    assert.equal(summary(decideOn({ policy: deny, control: viewOf(rule()) })), 'deny policy_rule')
    assert.equal(summary(decideOn({ policy: ask, control: escalating })), 'escalate needs_approval')
    assert.equal(summary(decideOn({ policy: ask, control: viewOf(rule()) })), 'deny adaptive_rule')
    assert.equal(summary(decideOn({ control: escalating })), 'escalate adaptive_rule')
  })

  it('that denies wins over one that escalates, whichever came first', () => {
    const two = [rule({ id: 'b'.repeat(64), action: 'escalate' }), rule()]
    for (const rules of [two, two.toReversed()])
      assert.equal(summary(decideOn({ control: viewOf(...rules) })), 'deny adaptive_rule')
  })

  it('applies within its scope, tool, class and predicate alone', () => {
    const object = signalHmac(DEPLOYMENT_KEY, 'object', '/a')
    const applies: Partial<Rule>[] = [
      { scope: { session: 's' } },
      { scope: { session: 'earlier' } },
      { scope: { principal: 'agent:a@host', server: 'files' } },
      { tool: 'read_file' },
      { toolClass: 'read' },
      { arguments: { type: 'signal', field: 'objects', anyOf: [object] } },
    ]
    const not: Partial<Rule>[] = [
      { scope: { session: 'other' } },
      { scope: { principal: 'agent:b@host' } },
      { scope: { principal: 'agent:a@host', server: 'mail' } },
      { tool: 'read_files' },
      { toolClass: 'write' },
      { arguments: { type: 'within', field: 'destinations', values: [object] } },
    ]
    const decisionOf = (changes: Partial<Rule>): string =>
      decideOn({ control: viewOf(rule(changes)), sessions: ['s', 'earlier'] }).decision
    assert.deepEqual(
      applies.map(decisionOf),
      applies.map(() => 'deny'),
    )
    assert.deepEqual(
      not.map(decisionOf),
      not.map(() => 'allow'),
    )
  })

  it('is not honoured after its end, nor when it lives for more than an hour, by its own words or from now', () => {
    const at = (micros: number): string => formatTime(NOW_MICROS + micros)
    const times: readonly (readonly [from: number, to: number, decision: string])[] = [
      [-1_000_000, 1, 'deny'],
      [-1_000_000, 0, 'allow'],
      [0, HOUR_MICROS, 'deny'],
      [0, 2 * HOUR_MICROS, 'allow'],
      [-2 * HOUR_MICROS, HOUR_MICROS / 2, 'allow'],
      [24 * HOUR_MICROS, 25 * HOUR_MICROS, 'allow'],
    ]
    for (const [from, to, decision] of times) {
      const one = rule({ createdAt: at(from), expiresAt: at(to) })
      assert.equal(decideOn({ control: viewOf(one) }).decision, decision, `${from} to ${to}`)
    }
    const tooLong = { rule: rule({ expiresAt: at(2 * HOUR_MICROS) }), writer: 'detectors/main' }
    assert.match(ruleProblem(tooLong, NOW_MICROS) ?? '', /more than an hour/)
  })

  it('is one too many above twenty for a principal: then every write escalates, and reads go on', () => {
    const many = (count: number): Rule[] =>
      Array.from({ length: count }, (_, index) =>
        rule({ id: index.toString(16).padStart(64, '0'), tool: 'other', cause: { alert: 'a'.repeat(64), events: [] } }),
      )
    const control = viewOf(...many(MAX_RULES_PER_PRINCIPAL + 1))
    assert.equal(summary(decideOn({ control, toolClass: 'write' })), 'escalate adaptive_rule')
    assert.equal(summary(decideOn({ control, toolClass: 'read' })), 'allow policy_rule')
    const twenty = viewOf(...many(MAX_RULES_PER_PRINCIPAL))
    assert.equal(summary(decideOn({ control: twenty, toolClass: 'write' })), 'allow policy_rule')
  })
})
