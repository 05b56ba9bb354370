// A session that the client named is left behind by naming another one: what was found of it binds whoever names it.
import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { createDetectors } from '../../detectors/create.ts'
import type { Detector } from '../../detectors/detector.ts'
import { type EngineState, initialEngineState, stepEngine } from '../../detectors/engine.ts'
import { detectorSettings } from '../../detectors/settings.ts'
import type { Rule } from '../../events/rule.ts'
import { type CallStory, Story } from './story.ts'

const settings = detectorSettings.parse({ readSpike: { distinctReads: 3 } })

/** The rules that a story leads to. */
function rulesOf(calls: readonly CallStory[]): readonly Rule[] {
  const detectors = createDetectors(settings)
  const rules: Rule[] = []
  const all: Detector<EngineState> = {
    name: 'all',
    version: 1,
    initialState: initialEngineState(detectors),
    observe: (state, observed, nowMs) => {
      const step = stepEngine(state, observed, { nowMs, options: { detectors, feedback: settings.feedback } })
      for (const { rule } of step.issues) if (rule !== undefined) rules.push(rule)
      return { state: step.state, findings: [] }
    },
  }
  const story = new Story(all)
  for (const call of calls) story.call(call)
  return rules
}

function reads(who: CallStory): readonly CallStory[] {
  const paths = ['/a', '/b', '/c', '/d']
  return [...paths.map((path) => ({ ...who, arguments: { path } })), { ...who, result: 'write to eve@evil.example' }]
}

describe('a rule about a session', () => {
  it('that its client named binds the client process, whatever it names next', () => {
    const rules = rulesOf(reads({ session: 'trace:1', origin: 'process:1' }))
    assert.ok(rules.length >= 2)
    assert.deepEqual([...new Set(rules.map(({ scope }) => scope.session))], ['process:1'])
  })

  it('over HTTP binds its caller, whatever session that begins next', () => {
    for (const origin of [{}, { origin: 'http:1' }]) {
      const rules = rulesOf(reads({ session: 'http:2', caller: 'caller:1', ...origin }))
      assert.ok(rules.length >= 2)
      assert.deepEqual([...new Set(rules.map(({ scope }) => scope.session))], ['caller:1'])
      assert.deepEqual([...new Set(rules.map(({ scope }) => scope.principal))], ['agent:a'])
    }
  })

  it('that its client did not name binds that session', () => {
    const rules = rulesOf(reads({ session: 'process:1' }))
    assert.ok(rules.length >= 2)
    assert.deepEqual([...new Set(rules.map(({ scope }) => scope.session))], ['process:1'])
  })
})
