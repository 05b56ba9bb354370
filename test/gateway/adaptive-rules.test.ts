// The adaptive rules in force for a call, sorted by whom they are about: the same as if each were looked at.
import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import fc from 'fast-check'
import { type ControlView, EMPTY_CONTROL, type LiveSubject, liveRules } from '../../events/control-view.ts'
import { isArmedRule, type Rule } from '../../events/rule.ts'
import { SubjectMap } from '../../events/subject-map.ts'
import { derivedId, formatTime } from '../../events/time.ts'
import { countRulesOf, listRulesAbout, ruleProblem } from '../../gateway/adaptive-rules.ts'

const NOW_MICROS = Date.UTC(2026, 10, 22, 13) * 1000
const MINUTE_MICROS = 60_000_000

const session: fc.Arbitrary<string> = fc.constantFrom('s1', 's2', 's3')
const principal: fc.Arbitrary<string> = fc.constantFrom('p1', 'p2')
const scope = fc.oneof(
  fc.record({ session }),
  fc.record({ principal }),
  fc.record({ session, principal }),
) as fc.Arbitrary<Rule['scope']>
const rule = fc.record({
  scope,
  created: fc.integer({ min: -90, max: 10 }),
  minutes: fc.integer({ min: 1, max: 80 }),
  isArmed: fc.boolean(),
})
type RuleFields = typeof rule extends fc.Arbitrary<infer Fields> ? Fields : never

/** The first twelve came long ago; later ones came last, and each that is the thirteenth or more after another replaces it. */
function viewOf(rules: readonly RuleFields[], writer = 'detectors/main'): ControlView {
  const before = new Map<string, LiveSubject>()
  let subjects = SubjectMap.of(before)
  for (const [place, { scope: about, created, minutes, isArmed }] of rules.entries()) {
    const createdMicros = NOW_MICROS + created * MINUTE_MICROS
    const id = derivedId('rule', String(place % 13))
    const event = {
      type: 'rule/added',
      writer,
      rule: {
        ...{ id, scope: about, tool: '*', action: 'deny', reason: 'r' },
        cause: { events: [], ...(isArmed ? {} : { operator: 'user:a' }) },
        createdAt: formatTime(createdMicros),
        expiresAt: formatTime(createdMicros + minutes * MINUTE_MICROS),
      },
    } as unknown as LiveSubject['event']
    const live = { subject: `rule/${id}`, revision: place, hash: id, event }
    if (place < 12) subjects = SubjectMap.of(before.set(live.subject, live))
    else subjects = subjects.with(live)
  }
  return { ...EMPTY_CONTROL, subjects }
}

function isInBounds(each: Rule): boolean {
  return ruleProblem({ rule: each, writer: 'detectors/main' }, NOW_MICROS) === undefined
}

describe('the adaptive rules about a call', () => {
  it('are those that are live, within bounds and about it, in their order', () => {
    fc.assert(
      fc.property(
        fc.array(rule, { maxLength: 30 }),
        fc.array(session, { minLength: 1, maxLength: 3 }),
        principal,
        (rules, sessions, who) => {
          const view = viewOf(rules)
          const inForce = liveRules(view, NOW_MICROS).filter(isInBounds)
          const about = inForce.filter(({ scope: each }) =>
            each.session === undefined ? each.principal === who : sessions.includes(each.session),
          )
          assert.deepEqual(listRulesAbout(view, { sessions, principal: who }, NOW_MICROS), about)
          const counted = inForce.filter((each) => each.scope.principal === who && !isArmedRule(each))
          assert.equal(countRulesOf(view, who, NOW_MICROS), counted.length)
        },
      ),
      { seed: 11, numRuns: 200 },
    )
  })

  it('are those of the view, when a newer one follows', () => {
    const about = { sessions: ['s1'], principal: 'p1' }
    const one: RuleFields = { scope: { session: 's1' }, created: 0, minutes: 5, isArmed: true }
    assert.equal(listRulesAbout(viewOf([one]), about, NOW_MICROS).length, 1)
    assert.equal(listRulesAbout(viewOf([one, one]), about, NOW_MICROS).length, 2)
    assert.equal(listRulesAbout(viewOf([one]), about, NOW_MICROS + 6 * MINUTE_MICROS).length, 0)
  })

  it('include those for everyone and those of a week, where a person made them', () => {
    const about = { sessions: ['s1'], principal: 'p1' }
    const made: RuleFields[] = [
      { scope: {}, created: 0, minutes: 5, isArmed: false },
      { scope: { principal: 'p1' }, created: 0, minutes: 7 * 24 * 60, isArmed: false },
    ]
    assert.equal(listRulesAbout(viewOf(made, 'api/main'), about, NOW_MICROS).length, 2)
    assert.equal(listRulesAbout(viewOf(made, 'detectors/main'), about, NOW_MICROS).length, 0)
    const longer = made.map((each) => ({ ...each, minutes: 7 * 24 * 60 + 2 }))
    assert.equal(listRulesAbout(viewOf(longer, 'api/main'), about, NOW_MICROS).length, 0)
  })
})
