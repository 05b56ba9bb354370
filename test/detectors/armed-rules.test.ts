// Quiet findings: rules that lie in wait. One a session and subject, replaced by the newer, never counted against a principal.
import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { adapt } from '../../detectors/adapt.ts'
import type { Finding } from '../../detectors/detector.ts'
import { deniedMs, EMPTY_FEEDBACK, type FeedbackState, liveRulesOf } from '../../detectors/feedback.ts'
import { detectorSettings } from '../../detectors/settings.ts'
import { isArmedRule, type Rule } from '../../events/rule.ts'
import { START_MS } from './story.ts'

const SETTINGS = detectorSettings.parse({}).feedback

function quiet(session: string, cause: string): Finding {
  const scope = { session, principal: 'agent:a' }
  return {
    severity: 'low',
    score: 1,
    subject: `values in session ${session}`,
    scope,
    explanation: '',
    causes: [cause.padStart(64, '0')],
    isQuiet: true,
    response: {
      scope,
      tool: '*',
      arguments: { type: 'copied', anyOf: [cause], except: [] },
      action: 'deny',
      lifetimeMs: 30 * 60_000,
      reason: '',
    },
  }
}

function armAll(findings: readonly Finding[]): { readonly state: FeedbackState; readonly rules: readonly Rule[] } {
  let state = EMPTY_FEEDBACK
  const rules: Rule[] = []
  for (const [index, finding] of findings.entries()) {
    const adapted = adapt(state, { detector: 'd', finding, nowMs: START_MS + index }, SETTINGS)
    state = adapted.state
    assert.equal(adapted.issue?.alert, undefined)
    if (adapted.issue?.rule !== undefined) rules.push(adapted.issue.rule)
  }
  return { state, rules }
}

describe('a quiet finding', () => {
  it('arms one rule a session under one id, each time anew', () => {
    const { rules } = armAll([quiet('s1', '1'), quiet('s1', '2'), quiet('s2', '3')])
    assert.equal(rules.length, 3)
    assert.equal(rules[0]?.id, rules[1]?.id)
    assert.notEqual(rules[0]?.id, rules[2]?.id)
    assert.ok(rules.every(isArmedRule))
  })

  it('is not counted: a principal with a hundred sessions is not held in all its writes', () => {
    const { state, rules } = armAll(Array.from({ length: 100 }, (_, index) => quiet(`s${index}`, String(index))))
    assert.deepEqual(liveRulesOf(state, 'agent:a', START_MS), [])
    assert.equal(deniedMs(state, 'agent:a', START_MS), 0)
    assert.ok(rules.every(({ scope, action }) => scope.session !== undefined && action === 'deny'))
  })
})
