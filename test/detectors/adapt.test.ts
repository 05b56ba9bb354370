// From findings to alerts and rules: what is repeated, limited, softened and kept away.
import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { adapt, type Issue } from '../../detectors/adapt.ts'
import type { Finding, RuleTemplate } from '../../detectors/detector.ts'
import { EMPTY_FEEDBACK, type FeedbackState, feedbackKey, noteLift } from '../../detectors/feedback.ts'
import { detectorSettings } from '../../detectors/settings.ts'
import { MAX_RULE_LIFE_MS, parseRule } from '../../events/rule.ts'
import { formatTime, parseTime } from '../../events/time.ts'
import { START_MS } from './story.ts'

const SETTINGS = detectorSettings.parse({}).feedback
const MINUTE_MS = 60_000

/** Feedback that is told of findings on one principal. */
class Desk {
  state: FeedbackState = EMPTY_FEEDBACK
  nowMs = START_MS
  lastKey = ''
  #causes = 0

  find(subject: string, response?: Partial<RuleTemplate>): Issue | undefined {
    const finding: Finding = {
      ...this.#finding(subject),
      ...(response === undefined ? {} : { response: { ...TEMPLATE, scope: { session: subject }, ...response } }),
    }
    const adapted = adapt(this.state, { detector: 'd', finding, nowMs: this.nowMs }, SETTINGS)
    this.state = adapted.state
    this.lastKey = adapted.issue?.key ?? ''
    return adapted.issue
  }

  /** A rule that lies in wait for one value in a session of its own. */
  arm(session: string): void {
    const predicate = { type: 'signal', field: 'destinations', anyOf: ['x'] } as const
    const response = { ...TEMPLATE, scope: { session }, arguments: predicate }
    const finding: Finding = { ...this.#finding(session), isQuiet: true, response }
    this.state = adapt(this.state, { detector: 'd', finding, nowMs: this.nowMs }, SETTINGS).state
  }

  lift(rule = '', hours = 24): void {
    const expiresAt = formatTime((this.nowMs + hours * 60 * MINUTE_MS) * 1000)
    this.state = noteLift(this.state, { rule, expiresAt }, { nowMs: this.nowMs, liftedHours: SETTINGS.liftedHours })
  }

  wait(minutes: number): void {
    this.nowMs += minutes * MINUTE_MS
  }

  #finding(subject: string): Finding {
    return {
      severity: 'high',
      score: 1,
      subject,
      scope: { principal: 'agent:a', session: subject },
      explanation: 'Found.',
      causes: [(++this.#causes).toString(16).padStart(64, '0')],
    }
  }
}

const TEMPLATE = { tool: '*', action: 'deny', lifetimeMs: 10 * MINUTE_MS, reason: 'too much' } as const

describe('adapt', () => {
  it('makes an alert and a rule that name each other, their causes and an end', () => {
    const issue = new Desk().find('s1', {})
    const rule = parseRule(issue?.rule)
    assert.equal(issue?.alert?.rule, rule.id)
    assert.equal(rule.cause.alert, issue?.alert?.alert)
    assert.deepEqual(rule.cause.events, issue?.alert?.causes)
    assert.equal(rule.scope.principal, 'agent:a')
    assert.equal(parseTime(rule.expiresAt) - parseTime(rule.createdAt), 10 * MINUTE_MS * 1000)
  })

  it('gives the same ids for the same finding', () => {
    assert.deepEqual(new Desk().find('s1', {}), new Desk().find('s1', {}))
  })

  it('raises one alert an hour for a subject', () => {
    const desk = new Desk()
    assert.ok(desk.find('s1'))
    desk.wait(59)
    assert.equal(desk.find('s1'), undefined)
    assert.ok(desk.find('s2'))
    desk.wait(1)
    assert.ok(desk.find('s1'))
  })

  it('renews a rule that has expired while the finding goes on, under the same alert', () => {
    const desk = new Desk()
    const first = desk.find('s1', {})
    desk.wait(9)
    assert.equal(desk.find('s1', {}), undefined)
    desk.wait(1)
    const second = desk.find('s1', {})
    assert.equal(second?.alert, undefined)
    assert.equal(second?.rule?.cause.alert, first?.alert?.alert)
    assert.notEqual(second?.rule?.id, first?.rule?.id)
  })

  it('asks for approval instead once a principal was denied for 30 minutes of a day', () => {
    const desk = new Desk()
    const actions = Array.from({ length: 5 }, () => {
      desk.wait(10)
      return desk.find('s1', {})?.rule?.action
    })
    assert.deepEqual(actions, ['deny', 'deny', 'deny', 'escalate', 'escalate'])
    desk.wait(24 * 60)
    assert.equal(desk.find('s1', {})?.rule?.action, 'deny')
  })

  it('counts denials that overlap once', () => {
    const desk = new Desk()
    const actions = Array.from({ length: 5 }, (_, index) => desk.find(`s${index}`, {})?.rule?.action)
    assert.deepEqual(actions, Array(5).fill('deny'))
  })

  it('has at most 20 live rules of a principal, the last of which escalates all its writes', () => {
    const desk = new Desk()
    const issues = Array.from({ length: 25 }, (_, index) => desk.find(`s${index}`, {}))
    const rules = issues.flatMap((issue) => issue?.rule ?? [])
    assert.equal(rules.length, 20)
    assert.deepEqual(rules[19]?.scope, { principal: 'agent:a' })
    assert.deepEqual([rules[19]?.action, rules[19]?.toolClass], ['escalate', 'write'])
    assert.match(issues[24]?.alert?.explanation ?? '', /all writes of this principal need approval already/)
  })

  it('keeps a lifted rule away for 24 hours, and says so', () => {
    const desk = new Desk()
    const lifted = desk.find('s1', {})?.rule?.id ?? ''
    desk.lift(lifted)
    desk.wait(61)
    const again = desk.find('s1', {})
    assert.equal(again?.rule, undefined)
    assert.match(again?.alert?.explanation ?? '', /an operator lifted one/)
    assert.ok(desk.find('s2', {})?.rule)
    desk.wait(24 * 60)
    assert.ok(desk.find('s1', {})?.rule)
  })

  it('keeps a lifted rule away for as long as its lift says, never for less than a day nor for years', () => {
    for (const [hours, days] of [
      [1, 1],
      [7 * 24, 7],
      [10_000 * 24, 90],
    ] as const) {
      const desk = new Desk()
      desk.lift(desk.find('s1', {})?.rule?.id, hours)
      desk.wait(days * 24 * 60 - 1)
      assert.equal(desk.find('s1', {})?.rule, undefined)
      desk.wait(61)
      assert.ok(desk.find('s1', {})?.rule)
    }
  })

  it('keeps the rule for all writes away too once it was lifted', () => {
    const desk = new Desk()
    const issues = Array.from({ length: 20 }, (_, index) => desk.find(`s${index}`, {}))
    desk.lift(issues[19]?.rule?.id)
    const again = desk.find('s20', {})
    assert.equal(again?.rule, undefined)
    assert.match(again?.alert?.explanation ?? '', /an operator lifted the one for all writes/)
  })

  it('remembers the denials of a day however many rules lie in wait for new sessions', () => {
    const desk = new Desk()
    for (const subject of ['s1', 's2', 's3']) {
      assert.equal(desk.find(subject, {})?.rule?.action, 'deny')
      desk.wait(10)
    }
    for (let number = 0; number < 600; number++) desk.arm(`armed ${number}`)
    assert.equal(desk.find('s4', {})?.rule?.action, 'escalate')
  })

  it('is not kept from acting by rules of a clock that ran years ahead', () => {
    const desk = new Desk()
    const yearMinutes = 365 * 24 * 60
    desk.wait(yearMinutes)
    for (let number = 0; number < 4; number++) {
      desk.find(`s${number}`, {})
      desk.wait(10)
    }
    desk.wait(-yearMinutes - 40)
    const again = desk.find('s1', {})
    assert.deepEqual([again?.rule?.action, again?.rule?.createdAt.slice(0, 4)], ['deny', '2026'])
  })

  it('never gives a rule a longer life than an hour', () => {
    const rule = new Desk().find('s1', { lifetimeMs: 10 * MAX_RULE_LIFE_MS })?.rule
    assert.equal(parseTime(rule?.expiresAt ?? '') - parseTime(rule?.createdAt ?? ''), MAX_RULE_LIFE_MS * 1000)
  })

  it('says what fits into an event, however long the names are and wherever a character is cut', () => {
    const desk = new Desk()
    const subjects = Array.from({ length: 2 }, (_, index) => `${index}${'😀'.repeat(1_500)}`)
    for (const subject of subjects) {
      const { alert } = desk.find(subject, {}) ?? {}
      assert.equal(alert?.subject.length, 2_000)
      assert.ok(alert?.subject.isWellFormed())
      assert.equal(feedbackKey({ ...alert, principal: 'agent:a' }), desk.lastKey)
    }
  })

  it('folds a flood of alerts into one that says so, and goes on an hour later', () => {
    const desk = new Desk()
    const issues = Array.from({ length: SETTINGS.alertsPerHour + 50 }, (_, index) => desk.find(`s${index}`))
    assert.equal(issues.filter(Boolean).length, SETTINGS.alertsPerHour + 1)
    assert.match(issues[SETTINGS.alertsPerHour]?.alert?.explanation ?? '', /more than 200 alerts in one hour/)
    desk.wait(61)
    assert.ok(desk.find('later'))
  })
})
