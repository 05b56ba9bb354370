// What an alert is called in the catalogues of others, and which alerts say the same.
import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { createDetectors } from '../../detectors/create.ts'
import { detectorSettings } from '../../detectors/settings.ts'
import { alertGroupOf, tagsOf } from '../../events/alert-tags.ts'

describe('tags of alerts', () => {
  it('name a technique and a risk for every detector', () => {
    for (const { name } of createDetectors(detectorSettings.parse({}))) {
      const schemes = new Set(tagsOf(name).map(({ scheme }) => scheme))
      assert.deepEqual([...schemes].toSorted(), ['mitre-attack', 'owasp-agentic'], name)
    }
  })

  it('are none for a detector that is not known, whatever it is called', () => {
    for (const name of ['of-another-version', '__proto__', 'constructor']) assert.deepEqual(tagsOf(name), [])
  })
})

describe('groups of alerts', () => {
  it('hold what one detector says of one subject and principal', () => {
    const alert = { detector: 'probing', subject: 'session a', principal: 'agent:ci' }
    assert.equal(alertGroupOf(alert), alertGroupOf({ ...alert }))
    for (const other of [{ detector: 'integrity' }, { subject: 'session b' }, { principal: undefined }])
      assert.notEqual(alertGroupOf({ ...alert, ...other }), alertGroupOf(alert))
  })
})
