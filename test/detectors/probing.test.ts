// D8: denials over several tools, loops, error bursts. Events in, findings out.
import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { createProbing } from '../../detectors/probing.ts'
import { detectorSettings } from '../../detectors/settings.ts'
import { Story } from './story.ts'

function newStory() {
  return new Story(createProbing(detectorSettings.parse({ probing: { onDenials: 'deny' } }).probing))
}

describe('probing', () => {
  it('pauses the writes of a session that was denied three times over two tools', () => {
    const story = newStory()
    for (const tool of ['delete_a', 'delete_a', 'send_b']) story.call({ tool, decision: 'deny' })
    const [finding] = story.findings
    assert.match(finding?.explanation ?? '', /^3 calls over 2 tools were denied/)
    assert.deepEqual([finding?.response?.action, finding?.response?.toolClass], ['deny', 'write'])
    assert.deepEqual(finding?.response?.scope, { session: 's1', principal: 'agent:a' })
  })

  it('says nothing of one tool denied again and again, nor of denials of several sessions', () => {
    const story = newStory()
    for (let index = 0; index < 6; index++) story.call({ tool: 'delete_a', arguments: { index }, decision: 'deny' })
    for (let index = 0; index < 6; index++) story.call({ session: `x${index}`, tool: `t${index}`, decision: 'deny' })
    assert.deepEqual(story.findings, [])
  })

  it('tells of the seventh identical call, once', () => {
    const story = newStory()
    for (let index = 0; index < 20; index++) story.read('/a')
    assert.equal(story.findings.length, 1)
    assert.match(story.findings[0]?.explanation ?? '', /made 7 times/)
  })

  it('tells of seven errors of a session', () => {
    const story = newStory()
    for (let index = 0; index < 6; index++) story.read(`/${index}`, { status: 'tool_error' })
    assert.deepEqual(story.findings, [])
    assert.equal(story.read('/7', { status: 'tool_error' }).length, 1)
  })

  it('is silent about errors while more than three principals fail on the server', () => {
    const story = newStory()
    for (let index = 0; index < 20; index++)
      for (const principal of ['a', 'b', 'c', 'd']) story.read(`/${index}`, { principal, status: 'tool_error' })
    assert.deepEqual(
      story.findings.filter(({ subject }) => subject.startsWith('errors')),
      [],
    )
  })
})
