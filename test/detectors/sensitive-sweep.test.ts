// D5, sensitive objects: ten within a minute, where the configuration calls them sensitive.
import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { createSensitiveSweep } from '../../detectors/sensitive-sweep.ts'
import { detectorSettings } from '../../detectors/settings.ts'
import { predicateHolds } from '../../events/rule.ts'
import { argumentSignals } from '../../events/signals.ts'
import { DEPLOYMENT_KEY, Story } from './story.ts'

const SETTINGS = detectorSettings.parse({ classes: [{ server: 'crm', tool: 'get_customer', sensitive: true }] })

function sweep(server: string, everyMs: number) {
  const story = new Story(createSensitiveSweep(SETTINGS.sensitiveSweep, SETTINGS.classes))
  for (let index = 0; index < 12; index++)
    story.wait(everyMs).call({ server, tool: 'get_customer', arguments: { id: `c${index}` } })
  return story
}

describe('sensitive-sweep', () => {
  it('finds the tenth object, and denies others than those that were read', () => {
    const story = sweep('crm', 2_000)
    const [finding] = story.findings
    assert.match(finding?.explanation ?? '', /^10 different objects/)
    const holds = (id: string): boolean => {
      const predicate = finding?.response?.arguments
      assert.ok(predicate)
      return predicateHolds(predicate, argumentSignals(DEPLOYMENT_KEY, 'read', { id }))
    }
    assert.deepEqual([holds('c3'), holds('c50')], [false, true])
  })

  it('leaves slower reads alone, and servers of which nobody said that they are sensitive', () => {
    assert.deepEqual(sweep('crm', 7_000).findings, [])
    assert.deepEqual(sweep('wiki', 100).findings, [])
  })

  it('counts neither the same object again nor what was denied', () => {
    const story = new Story(createSensitiveSweep(SETTINGS.sensitiveSweep, SETTINGS.classes))
    const call = { server: 'crm', tool: 'get_customer' }
    for (let index = 0; index < 30; index++) story.call({ ...call, arguments: { id: 'c1' } })
    for (let index = 0; index < 30; index++) story.call({ ...call, arguments: { id: `d${index}` }, decision: 'deny' })
    assert.deepEqual(story.findings, [])
  })
})
