// D6, first-seen server and tool: nothing at a fresh start, the group's baseline, then the principal's own.
import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { createFirstSeenTool } from '../../detectors/first-seen-tool.ts'
import { detectorSettings } from '../../detectors/settings.ts'
import { Story } from './story.ts'

const SETTINGS = { ...detectorSettings.parse({}).firstSeenTool, matureSessions: 6, matureDays: 3 }
const HALF_DAY_MS = 12 * 60 * 60 * 1000

/** Principals that have used read_file and write_file of the server files in eight sessions over four days. */
function newMatureStory(...principals: readonly string[]) {
  const story = new Story(createFirstSeenTool(SETTINGS))
  for (let session = 0; session < 8; session++) {
    for (const principal of principals) {
      story.call({ principal, session: `${principal}-${session}` })
      story.call({ principal, session: `${principal}-${session}`, tool: 'write_file' })
    }
    story.wait(HALF_DAY_MS)
  }
  assert.equal(story.findings.length, 0)
  return story
}

describe('first-seen-tool', () => {
  it('raises nothing at a fresh start, whatever is used', () => {
    const story = new Story(createFirstSeenTool(SETTINGS))
    for (let index = 0; index < 50; index++) story.call({ tool: `tool_${index}`, session: `s${index}` })
    assert.deepEqual(story.findings, [])
  })

  it('finds a tool that a mature principal has not used, the louder when nobody has', () => {
    const story = newMatureStory('agent:a', 'agent:b')
    story.call({ principal: 'agent:b', session: 'other', tool: 'move_file' })
    story.wait(1_000).call({ principal: 'agent:b', session: 'other-2', tool: 'move_file' })
    const own = story.call({ principal: 'agent:a', session: 'new', tool: 'delete_file' })
    const shared = story.call({ principal: 'agent:a', session: 'new-2', tool: 'move_file' })
    assert.deepEqual([own[0]?.severity, shared[0]?.severity], ['medium', 'low'])
    assert.match(shared[0]?.explanation ?? '', /first time by this principal.*Others use it/)
    assert.equal(own[0]?.response, undefined)
  })

  it('escalates calls of a server that a mature principal has not used', () => {
    const [found] = newMatureStory('agent:a').call({ server: 'bank', tool: 'send_money' })
    assert.equal(found?.response?.action, 'escalate')
    assert.deepEqual(found?.response?.scope, { session: 's1', principal: 'agent:a', server: 'bank' })
  })

  it('judges a young principal by the group, and asks for a rule where nobody has used the server', () => {
    const story = newMatureStory('agent:a')
    assert.deepEqual(story.call({ principal: 'agent:new' }), [])
    const [found] = story.call({ principal: 'agent:new', tool: 'delete_file' })
    assert.deepEqual([found?.severity, found?.response], ['low', undefined])
    const [server] = story.call({ principal: 'agent:new', server: 'bank' })
    assert.deepEqual([server?.response?.action, server?.response?.scope.session], ['escalate', 's1'])
  })

  it('is the louder the fewer of the others use what is new for one', () => {
    const many = Array.from({ length: 12 }, (_, index) => `agent:${index}`)
    const story = newMatureStory(...many)
    const use = (count: number, tool: string) => {
      for (const principal of many.slice(0, count))
        for (const session of ['x', 'y']) story.call({ principal, session: `${tool}-${session}`, tool })
      story.wait(60 * 60 * 1000)
      return story.call({ principal: 'agent:11', session: `last-${tool}`, tool })[0]
    }
    const [usual, rare] = [use(9, 'move_file'), use(1, 'list_disks')]
    assert.ok((rare?.score ?? 0) > (usual?.score ?? 1000))
    assert.match(usual?.explanation ?? '', /Others use it: 9 of 12 principals/)
  })

  it('learns a term from a later session in which it went well, never from the one that it was found in', () => {
    const story = newMatureStory('agent:a')
    const use = (session: string, status: 'ok' | 'tool_error' = 'ok') =>
      story.call({ session, tool: 'delete_file', status }).length
    assert.deepEqual([use('x1'), use('x1'), use('x2', 'tool_error')], [1, 1, 1])
    story.call({ session: 'x3', tool: 'delete_file', decision: 'deny' })
    assert.deepEqual([use('x4'), use('x4'), use('x5')], [1, 0, 0])
  })

  it('learns one term an hour of a mature principal', () => {
    const story = newMatureStory('agent:a')
    const use = (session: string) => ['t1', 't2'].map((tool) => story.call({ session, tool }).length)
    assert.deepEqual(
      [use('x1'), use('x2'), use('x3')],
      [
        [1, 1],
        [1, 1],
        [0, 1],
      ],
    )
    story.wait(60 * 60 * 1000)
    assert.deepEqual(
      [use('x4'), use('x5')],
      [
        [0, 1],
        [0, 0],
      ],
    )
  })

  it('finds a tool anew that was not used within the window', () => {
    const story = newMatureStory('agent:a')
    story.wait(8 * 24 * 60 * 60 * 1000)
    assert.equal(story.call({ session: 'later' }).length, 1)
  })
})
