// D5 over the sessions of one origin: a client that names a new session for each call starts no count anew.
import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { createOriginReadSpike } from '../../detectors/read-spike-origin.ts'
import { detectorSettings } from '../../detectors/settings.ts'
import { Story } from './story.ts'

function readEach(count: number, origin: string | undefined): Story<unknown> {
  const story = new Story(createOriginReadSpike(detectorSettings.parse({}).readSpike))
  for (let index = 0; index < count; index++) {
    story.wait(500).read(`/srv/${index}`, { session: `trace:${index}`, ...(origin === undefined ? {} : { origin }) })
  }
  return story
}

describe('read-spike-origin', () => {
  it('finds 46 distinct objects of one origin, whatever sessions the client names', () => {
    const { findings } = readEach(46, 'process:1')
    assert.equal(findings.length, 1)
    assert.deepEqual(findings[0]?.response?.scope, { session: 'process:1', principal: 'agent:a', server: 'files' })
  })

  it('leaves three ordinary sessions of one origin alone', () => {
    assert.deepEqual(readEach(45, 'process:1').findings, [])
  })

  it('does not count the sessions of one caller over HTTP together: many users may share its token', () => {
    const story = new Story(createOriginReadSpike(detectorSettings.parse({}).readSpike))
    for (let index = 0; index < 60; index++)
      story.read(`/srv/${index}`, { session: `http:${index}`, caller: 'caller:1' })
    assert.deepEqual(story.findings, [])
  })

  it('does not look at sessions that the client did not name', () => {
    assert.deepEqual(readEach(60, undefined).findings, [])
  })
})
