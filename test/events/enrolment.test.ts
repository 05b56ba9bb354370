// What an enrolment key says of other keys, and what trust and control readers make of a revocation.
import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { enrol, enrolmentHolds, type KeyStatement } from '../../events/enrolment.ts'
import type { EventOf } from '../../events/event.ts'
import { certifyRun, generateKey, type KeyPair } from '../../events/keys.ts'
import { Trust } from '../../events/trust.ts'

const enrolment = generateKey()
const [first, second, run] = [generateKey(), generateKey(), generateKey()]
const identity = { log: 'test', writer: 'api/main', instance: '019aab00-0000-7000-8000-000000000001' }

function text(key: KeyPair): string {
  return key.publicKey.toString('base64url')
}

function statementOf(key: KeyPair, kind: KeyStatement['kind'] = 'revoked'): KeyStatement {
  return { kind, log: 'test', holder: 'api/*', publicKey: text(key) }
}

function revocation(key: KeyPair, by: KeyPair = enrolment): EventOf<'key/revoked'> {
  const { holder, publicKey } = statementOf(key)
  return { log: 'test', holder, publicKey, enrolment: enrol(by, statementOf(key)) } as EventOf<'key/revoked'>
}

describe('a statement of an enrolment key', () => {
  it('holds for what was signed, and for nothing else', () => {
    const signed = enrol(enrolment, statementOf(first, 'registered'))
    assert.ok(enrolmentHolds(statementOf(first, 'registered'), signed))
    const others = [
      statementOf(first, 'revoked'),
      statementOf(second, 'registered'),
      { ...statementOf(first, 'registered'), log: 'other' },
      { ...statementOf(first, 'registered'), holder: 'gateway/*' },
    ]
    for (const other of others) assert.equal(enrolmentHolds(other, signed), false)
    const nobody = { ...signed, publicKey: Buffer.alloc(32).toString('base64url') }
    assert.equal(enrolmentHolds(statementOf(first, 'registered'), nobody), false)
  })
})

describe('trust', () => {
  const settings = [first, second].map((key) => ({ writer: 'api/*', key: text(key) }))

  it('honours nothing that a revoked key vouches for, and the other keys as before', () => {
    const trust = new Trust(settings)
    const [old, current] = [first, second].map((key) => certifyRun(key, identity, run.publicKey))
    assert.ok(old !== undefined && current !== undefined)
    assert.equal(trust.findVoucher(identity, old)?.key, text(first))
    trust.revoke(text(first))
    assert.equal(trust.findRunKey(identity, old), undefined)
    assert.match(trust.describeRefusal(identity, old), /is revoked/)
    assert.equal(trust.findVoucher(identity, current)?.key, text(second))
  })

  it('keeps to itself what a copy of it revokes', () => {
    const trust = new Trust(settings)
    trust.copy().revoke(text(first))
    assert.ok(trust.findRunKey(identity, certifyRun(first, identity, run.publicKey)))
  })

  it('takes a revocation from an enrolment key that it knows alone', () => {
    const trust = new Trust(settings, { enrolment: [text(enrolment)] })
    assert.ok(trust.provesRevocation(revocation(first)))
    assert.equal(trust.provesRevocation(revocation(first, second)), false)
    assert.equal(trust.provesRevocation({ ...revocation(first), publicKey: text(second) }), false)
    assert.equal(new Trust(settings).provesRevocation(revocation(first)), false)
  })
})
