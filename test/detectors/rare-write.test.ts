// D7: destructive tools that hardly any session uses. Events in, findings out; a finding's rule is tried on tools.
import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import type { Finding } from '../../detectors/detector.ts'
import { createRareWrite } from '../../detectors/rare-write.ts'
import { detectorSettings } from '../../detectors/settings.ts'
import { predicateHolds } from '../../events/rule.ts'
import { argumentSignals } from '../../events/signals.ts'
import { DEPLOYMENT_KEY, Story } from './story.ts'

const SETTINGS = detectorSettings.parse({}).rareWrite
const HOUR_MS = 60 * 60 * 1000

/** 120 sessions over five days, in which one tool in ten sessions and another in one of them all deletes something. */
function liveOrdinaryDays(): Story<unknown> {
  const story = new Story<unknown>(createRareWrite(SETTINGS) as never)
  for (let session = 0; session < 120; session++) {
    story.read('/a', { session: `s${session}` })
    if (session % 10 === 0) story.call({ session: `s${session}`, tool: 'delete_draft' })
    if (session === 50) story.call({ session: `s${session}`, tool: 'delete_account' })
    story.wait(HOUR_MS)
  }
  return story
}

function holds(finding: Finding | undefined, tool: string): boolean {
  const predicate = finding?.response?.arguments
  assert.ok(predicate)
  return predicateHolds(predicate, argumentSignals(DEPLOYMENT_KEY, 'destructive', {}), { tool })
}

describe('rare-write', () => {
  it('holds destructive tools that fewer than one session in fifty used, from the first call on', () => {
    const story = liveOrdinaryDays()
    const [finding] = story.read('/a', { session: 'new' })
    assert.deepEqual(
      ['delete_draft', 'delete_account', 'purge'].map((tool) => holds(finding, tool)),
      [false, true, true],
    )
    assert.equal(finding?.response?.toolClass, 'destructive')
    assert.equal(finding?.response?.action, 'escalate')
    assert.deepEqual(finding?.response?.scope, { session: 'new', principal: 'agent:a', server: 'files' })
  })

  it('says it once a session and server', () => {
    const story = liveOrdinaryDays()
    story.read('/a', { session: 'new' })
    assert.deepEqual(story.read('/b', { session: 'new' }), [])
  })

  it('says nothing while there is nothing to judge by', () => {
    const story = new Story(createRareWrite(SETTINGS))
    for (let session = 0; session < 200; session++) story.read('/a', { session: `s${session}` })
    assert.deepEqual(story.findings, [])
  })

  it('judges a new principal by the group', () => {
    const [finding] = liveOrdinaryDays().read('/a', { session: 'new', principal: 'agent:new' })
    assert.equal(holds(finding, 'delete_account'), true)
  })
})
