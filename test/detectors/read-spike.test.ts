// D5: distinct reads of a session. Events in, findings out.
import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { createReadSpike } from '../../detectors/read-spike.ts'
import { detectorSettings } from '../../detectors/settings.ts'
import { predicateHolds } from '../../events/rule.ts'
import { argumentSignals } from '../../events/signals.ts'
import { DEPLOYMENT_KEY, Story } from './story.ts'

const SETTINGS = detectorSettings.parse({}).readSpike

function newStory(settings: Partial<typeof SETTINGS> = {}) {
  return new Story(createReadSpike({ ...SETTINGS, ...settings }))
}

function readMany(
  story: ReturnType<typeof newStory>,
  count: number,
  options: Parameters<typeof story.read>[1] = {},
): void {
  for (let index = 0; index < count; index++) story.wait(500).read(`/srv/${index}`, options)
}

describe('read-spike', () => {
  it('finds the 16th distinct object as it is allowed, so that the 17th can be denied', () => {
    const story = newStory()
    readMany(story, 15)
    assert.equal(story.findings.length, 0)
    const parent = story.propose({ arguments: { path: '/srv/15' } })
    story.decide(parent)
    assert.equal(story.findings.length, 1)
    assert.match(story.findings[0]?.explanation ?? '', /^16 different objects read in 7 s/)
  })

  it('asks for a rule on this session and server that leaves what was read readable', () => {
    const story = newStory()
    readMany(story, 16)
    const response = story.findings[0]?.response
    assert.deepEqual(response?.scope, { session: 's1', principal: 'agent:a', server: 'files' })
    assert.equal(response?.toolClass, 'read')
    const predicate = response?.arguments
    assert.ok(predicate)
    const holds = (paths: unknown) =>
      predicateHolds(predicate, argumentSignals(DEPLOYMENT_KEY, 'read', paths as { path: string }))
    assert.equal(holds({ path: '/srv/3' }), false)
    assert.equal(holds({ path: '/srv/new' }), true)
    assert.equal(holds({ paths: ['/srv/3', '/srv/new'] }), true)
  })

  it('counts no raw reads: a retry loop raises nothing', () => {
    const story = newStory()
    for (let index = 0; index < 200; index++) story.read(`/srv/${index % 15}`)
    assert.deepEqual(story.findings, [])
  })

  it('counts no denied calls, failed reads, calls that were not forwarded, or writes', () => {
    const story = newStory()
    readMany(story, 40, { decision: 'deny' })
    readMany(story, 40, { status: 'tool_error' })
    readMany(story, 40, { status: 'not_forwarded' })
    readMany(story, 40, { tool: 'write_file' })
    assert.deepEqual(story.findings, [])
  })

  it('counts an object that another call failed to read at the same time', () => {
    const story = newStory()
    for (let index = 0; index < 16; index++) {
      const failing = story.decide(story.propose({ arguments: { path: `/srv/${index}` } }))
      story.read(`/srv/${index}`)
      story.receipt(failing, { status: 'tool_error' })
    }
    assert.equal(story.findings.length, 1)
  })

  it('counts each object of one call that names many', () => {
    const story = newStory()
    const paths = Array.from({ length: 20 }, (_, index) => `/srv/${index}`)
    assert.equal(story.call({ tool: 'read_multiple_files', arguments: { paths } }).length, 1)
  })

  it('counts a call without signals by its arguments', () => {
    const story = newStory()
    readMany(story, 16, { withoutSignals: true })
    assert.equal(story.findings.length, 1)
  })

  it('counts an escalated call once it is approved', () => {
    const story = newStory({ distinctReads: 1 })
    story.read('/a')
    const parent = story.propose({ arguments: { path: '/b' } })
    story.decide(parent, { decision: 'escalate' })
    assert.equal(story.findings.length, 0)
    story.decide(parent, { decision: 'allow' })
    assert.equal(story.findings.length, 1)
  })

  it('keeps sessions and principals apart, and counts a session over its servers', () => {
    const story = newStory()
    readMany(story, 10)
    readMany(story, 10, { session: 's2' })
    readMany(story, 10, { principal: 'agent:b' })
    assert.equal(story.findings.length, 0)
    for (let index = 0; index < 6; index++) story.read(`/mail/${index}`, { server: 'mail' })
    assert.equal(story.findings.length, 1)
    assert.equal(story.findings[0]?.response?.scope.server, 'mail')
  })

  it('says what is usual once there is history, and escalates before that when told to', () => {
    const story = newStory({ immatureAction: 'escalate', matureSessions: 5, matureDays: 1 })
    readMany(story, 16, { session: 'early' })
    assert.equal(story.findings[0]?.response?.action, 'escalate')
    for (let day = 0; day < 8; day++) {
      for (let index = 0; index < 9; index++) story.read(`/srv/${index}`, { session: `day-${day}` })
      story.wait(24 * 60 * 60 * 1000)
    }
    readMany(story, 16, { session: 'late' })
    assert.equal(story.findings[1]?.response?.action, 'deny')
    assert.match(story.findings[1]?.explanation ?? '', /usual most is 9/)
  })

  it('keeps a bounded state whatever sessions and objects are named', () => {
    const story = newStory()
    for (let index = 0; index < 3_000; index++) story.read(`/srv/${index}`)
    for (const session of ['__proto__', 'constructor', '1', '']) story.read('/a', { session: `${session}x` })
    assert.ok(story.stateBytes() < 40_000, `${story.stateBytes()} bytes`)
  })
})
