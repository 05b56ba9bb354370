// D5, the volume: a session is compared with what its principal's sessions are used to.
import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { createReadVolume } from '../../detectors/read-volume.ts'
import { detectorSettings } from '../../detectors/settings.ts'
import { Story } from './story.ts'

const SETTINGS = { ...detectorSettings.parse({}).readVolume, matureSessions: 20, matureDays: 3 }
const MIB = 1024 * 1024
const HOUR_MS = 60 * 60 * 1000

function newStory(sessions: number, bytes: number) {
  const story = new Story(createReadVolume(SETTINGS))
  for (let index = 0; index < sessions; index++) {
    for (let read = 0; read < 4; read++) story.read('/a', { session: `before${index}`, resultBytes: bytes / 4 })
    story.wait(4 * HOUR_MS)
  }
  return story
}

describe('read-volume', () => {
  it('finds the session that reads more than the principal is used to, once, and holds its further reads', () => {
    const story = newStory(30, 2 * MIB)
    for (let read = 0; read < 5; read++) story.read('/a', { session: 'new', resultBytes: MIB })
    const [finding, second] = story.findings
    assert.equal(second, undefined)
    assert.match(
      finding?.explanation ?? '',
      /^3072 KiB of results in one session; this principal's usual most is 2\d\d\d KiB/,
    )
    assert.deepEqual([finding?.response?.action, finding?.response?.toolClass], ['escalate', 'read'])
  })

  it('finds nothing while the history is young, nor below the floor', () => {
    const young = newStory(5, 2 * MIB)
    const small = newStory(30, MIB / 64)
    for (const story of [young, small]) story.read('/a', { session: 'new', resultBytes: MIB / 2 })
    young.read('/a', { session: 'new', resultBytes: 100 * MIB })
    assert.deepEqual([...young.findings, ...small.findings], [])
  })

  it('takes no session that it found for a habit', () => {
    const story = newStory(30, MIB)
    for (const session of ['first', 'second', 'third']) {
      story.read('/a', { session, resultBytes: 8 * MIB })
      story.wait(HOUR_MS)
    }
    assert.equal(story.findings.length, 3)
  })
})
