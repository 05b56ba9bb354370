// D5, the slow drip: what goes on and on is told from a day's work and from loops.
import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { detectorSettings } from '../../detectors/settings.ts'
import { createSlowDrip } from '../../detectors/slow-drip.ts'
import { START_MS, Story } from './story.ts'

const MINUTE_MS = 60 * 1000
const HOUR_MS = 60 * MINUTE_MS

function newStory() {
  return new Story(createSlowDrip(detectorSettings.parse({}).slowDrip))
}

function dripUntilFound(story: ReturnType<typeof newStory>, name = 'secret'): number {
  const fromMs = story.nowMs
  for (let index = 0; index < 144 && story.findings.length === 0; index++)
    story.wait(10 * MINUTE_MS).read(`/${name}/${index}`, { session: `s${index}` })
  return (story.nowMs - fromMs) / HOUR_MS
}

/** Days of eight hours with a clump of reads every ten minutes, half of them new. */
function workDays(story: ReturnType<typeof newStory>, days: number): void {
  for (let day = 0; day < days; day++) {
    for (let window = 0; window < 48; window++) {
      for (let read = 0; read < 8; read++) story.read(read % 2 === 0 ? '/same' : `/${day}/${window}/${read}`)
      story.wait(10 * MINUTE_MS)
    }
    story.wait(16 * HOUR_MS)
  }
}

describe('slow-drip', () => {
  it('finds one object in ten minutes within a day, whatever sessions the client names', () => {
    const story = newStory()
    const hours = dripUntilFound(story)
    assert.equal(story.findings.length, 1)
    assert.ok(hours < 24, `${hours} hours`)
    assert.equal(story.findings[0]?.response, undefined)
  })

  it('finds it beside a day of work that it is used to', () => {
    const story = newStory()
    workDays(story, 7)
    assert.equal(story.findings.length, 0)
    assert.ok(dripUntilFound(story) < 24)
    assert.equal(story.findings.length, 1)
  })

  it('finds nothing in loops, however long they go on', () => {
    const story = newStory()
    for (let index = 0; index < 500; index++) story.wait(5 * MINUTE_MS).read(`/status/${index % 20}`)
    assert.deepEqual(story.findings, [])
  })

  it('finds nothing in one clump, nor in writes', () => {
    const story = newStory()
    for (let index = 0; index < 500; index++) story.read(`/many/${index}`)
    for (let index = 0; index < 200; index++)
      story.wait(10 * MINUTE_MS).call({ tool: 'create_note', arguments: { path: `/n/${index}` } })
    assert.deepEqual(story.findings, [])
  })

  it('says what it saw, begins anew, and stays small', () => {
    const story = newStory()
    for (let index = 0; index < 300; index++) story.wait(10 * MINUTE_MS).read(`/x/${index}`)
    assert.match(story.findings[0]?.explanation ?? '', /^\d+ objects that are new for agent:a were read in \d+ hours/)
    assert.ok(story.findings.length >= 2)
    assert.ok(story.nowMs > START_MS && story.stateBytes() < 8_000)
  })
})
