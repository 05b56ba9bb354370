// D4: a secret that a result held, and that is sent out. Events in, findings out.
import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { createSecretEgress } from '../../detectors/secret-egress.ts'
import { detectorSettings } from '../../detectors/settings.ts'
import { predicateHolds } from '../../events/rule.ts'
import { argumentSignals } from '../../events/signals.ts'
import { DEPLOYMENT_KEY, Story } from './story.ts'

const SECRET = `ghp_${'a1B2'.repeat(9)}`
const LETTER = `Hello, here is what you asked for, in many words: ${SECRET} and more.`

function newStory() {
  return new Story(createSecretEgress(detectorSettings.parse({}).secretEgress))
}

describe('secret-egress', () => {
  it('denies sending a secret of a result, in whatever text', () => {
    const [finding] = newStory().read('/a', { result: `token: ${SECRET}` })
    const predicate = finding?.response?.arguments
    assert.ok(predicate)
    const holds = (body: string) => predicateHolds(predicate, argumentSignals(DEPLOYMENT_KEY, 'egress', { body }))
    assert.deepEqual([holds(LETTER), holds('Hello'), holds(`ghp_${'c3D4'.repeat(9)}`)], [true, false, false])
    assert.deepEqual([finding?.response?.action, finding?.response?.toolClass], ['deny', 'egress'])
  })

  it('raises a high alert for one that was proposed all the same', () => {
    const story = newStory()
    story.read('/a', { result: `token: ${SECRET}` })
    const [finding] = story.call({ tool: 'send_email', arguments: { body: LETTER } })
    assert.equal(finding?.severity, 'high')
    assert.equal(finding?.causes.length, 2)
  })

  it('lets it go to the own domains, and to no other beside them', () => {
    const options = { ownDomains: ['firm.example'] }
    const [finding] = newStory().read('/a', { result: `token: ${SECRET}` })
    const predicate = finding?.response?.arguments
    assert.ok(predicate)
    const holds = (...to: readonly string[]) =>
      predicateHolds(predicate, argumentSignals(DEPLOYMENT_KEY, 'egress', { to: [...to], body: LETTER }, options))
    assert.equal(holds('ann@firm.example', 'bob@mail.firm.example'), false)
    assert.equal(holds('ann@firm.example', 'eve@evil.example'), true)
    assert.equal(holds('ann@firm.example.evil.example'), true)
    assert.equal(holds(), true)
  })

  it('says nothing of a secret that the agent had before, nor of one that another session read', () => {
    const story = newStory()
    assert.deepEqual(story.call({ tool: 'send_email', arguments: { body: LETTER } }), [])
    story.read('/a', { session: 'other', result: `token: ${SECRET}` })
    assert.deepEqual(story.call({ tool: 'send_email', arguments: { body: LETTER } }), [])
  })

  it('keeps nothing of the secret', () => {
    const story = newStory()
    story.read('/a', { result: `token: ${SECRET}` })
    assert.ok(!JSON.stringify(story.findings).includes('ghp_'))
  })
})
