// D11: what contradicts itself in the record, and what only looks as if it did.
import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { createIntegrity } from '../../detectors/integrity.ts'
import { detectorSettings } from '../../detectors/settings.ts'
import { ZERO_HASH } from '../../events/chain.ts'
import { Story } from './story.ts'

const LEDGER = { writer: 'ledger/main' }
const GAP = { type: 'ledger/gap', chain: 'gateway/files/x', from: 3, to: 5, reason: 'missing' } as const
const HEARTBEAT = { type: 'writer/heartbeat', monotonicMicros: 1 } as const

function newStory() {
  const story = new Story(createIntegrity(detectorSettings.parse({}).integrity))
  story.tell(HEARTBEAT)
  return story
}

describe('integrity', () => {
  it('finds nothing in honest calls of every kind', () => {
    const story = newStory()
    story.call()
    story.call({ decision: 'deny' })
    story.call({ status: 'not_forwarded' })
    const escalated = story.propose()
    story.decide(escalated, { decision: 'escalate' })
    story.receipt(story.decide(escalated))
    assert.deepEqual(story.findings, [])
  })

  it('alerts on a run that fell silent, and on a verification that failed', () => {
    const story = newStory()
    const chain = 'gateway/files/x'
    story.tell({ type: 'ledger/silent', chain, from: 7, to: 7, reason: 'no heartbeat' }, LEDGER)
    const found = { verdict: 'tampered', events: 9, violations: 1, first: 'hash-mismatch: changed' } as const
    story.tell({ type: 'admin/verified', ...found }, { writer: 'api/main' })
    assert.deepEqual(
      story.findings.map(({ severity, subject }) => [severity, subject]),
      [
        ['high', 'silence of gateway/files/x'],
        ['critical', 'verification of the ledger: tampered'],
      ],
    )
    assert.match(story.findings[0]?.explanation ?? '', /after event 7: no heartbeat/)
  })

  it('finds a receipt after a deny, and asks for a pause of the writes of its session', () => {
    const story = newStory()
    const denied = story.decide(story.propose(), { decision: 'deny' })
    story.receipt(denied)
    assert.equal(story.findings[0]?.severity, 'critical')
    assert.match(story.findings[0]?.explanation ?? '', /was refused, and yet has a result/)
    assert.equal(story.findings[0]?.causes.length, 3)
    assert.deepEqual(story.findings[0]?.response?.scope, { session: 's1', principal: 'agent:a' })
    assert.equal(story.findings[0]?.response?.toolClass, 'write')
  })

  it('lets a denied call be closed as not forwarded', () => {
    const story = newStory()
    story.receipt(story.decide(story.propose(), { decision: 'deny' }), { status: 'not_forwarded' })
    assert.deepEqual(story.findings, [])
  })

  it('finds a receipt on a proposal that was never decided, and one moved to another call', () => {
    const story = newStory()
    story.receipt(story.propose())
    const [first, second] = [story.decide(story.propose()), story.decide(story.propose())]
    story.receipt({ hash: first.hash, call: second.call })
    assert.deepEqual(
      story.findings.map(({ explanation }) => /never decided|another call/.exec(explanation)?.[0]),
      ['never decided', 'another call'],
    )
  })

  it('finds a decide without its propose, but not where the propose may be out of sight', () => {
    const story = newStory()
    const unknown = { hash: 'f'.repeat(64), call: '019aabcd-0000-7000-8000-0000000000ff' }
    story.decide(unknown)
    assert.equal(story.findings.length, 1)
    story.tell(HEARTBEAT, { gap: { from: 3, to: 8 } })
    story.decide(unknown)
    assert.equal(story.findings.length, 1)
  })

  it('finds forged control records, quarantined records and forks, each with its cause', () => {
    const story = newStory()
    const causes = [
      story.tell({ type: 'control/refused', server: 'files', subject: 'rule/x', reason: 'forged', digest: ZERO_HASH }),
      story.tell(
        {
          type: 'ledger/quarantined',
          partition: 'p',
          offset: 1,
          chain: 'c',
          reason: 'no key',
          digest: ZERO_HASH,
          bytes: 1,
          count: 1,
        },
        LEDGER,
      ),
      story.tell(
        { type: 'ledger/fork', chain: 'c', from: 1, to: 1, reason: 'two', stored: ZERO_HASH, other: ZERO_HASH },
        LEDGER,
      ),
    ]
    assert.deepEqual(
      story.findings.map((finding) => finding.causes),
      causes.map((cause) => [cause]),
    )
    assert.deepEqual(
      story.findings.map(({ severity }) => severity),
      ['high', 'high', 'critical'],
    )
  })

  it('finds a gap open for 30 s, once, judged on the later events of the chain that reported it', () => {
    const story = newStory()
    const hash = story.tell(GAP, LEDGER)
    story.wait(40_000).tell(HEARTBEAT)
    assert.equal(story.findings.length, 0)
    story.tell(HEARTBEAT, LEDGER)
    story.wait(40_000).tell(HEARTBEAT, LEDGER)
    assert.deepEqual(
      story.findings.map(({ causes }) => causes),
      [[hash]],
    )
  })

  it('is content with a gap that was filled in time, and names what was not', () => {
    const story = newStory()
    story.tell(GAP, LEDGER)
    story.tell({ ...GAP, chain: 'gateway/files/y' }, LEDGER)
    story.tell({ ...GAP, type: 'ledger/gap-filled' }, LEDGER)
    story.tell({ ...GAP, type: 'ledger/gap-filled', chain: 'gateway/files/y', to: 4 }, LEDGER)
    story.wait(31_000).tell(HEARTBEAT, LEDGER)
    assert.equal(story.findings.length, 1)
    assert.match(story.findings[0]?.explanation ?? '', /^Events 5 to 5 of the chain gateway\/files\/y/)
  })
})
