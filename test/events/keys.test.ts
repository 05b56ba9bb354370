// Keys, certificates and trust: whoever is not named in the configuration is not believed, whatever the log says.
import assert from 'node:assert/strict'
import { generateKeyPairSync } from 'node:crypto'
import { describe, it } from 'node:test'
import { inspect } from 'node:util'
import {
  certificateHolds,
  certifyRun,
  generateKey,
  hasSmallOrder,
  keyFingerprint,
  parsePrivateKey,
  privateKeyPem,
  publicKeyObject,
} from '../../events/keys.ts'
import { Trust } from '../../events/trust.ts'
import { trustSettings } from '../../events/trust-settings.ts'
import { withCode } from '../support/errors.ts'
import { seededId, seededKey } from '../support/seeded-run.ts'

const key = seededKey('a')
const identity = { log: 'main', writer: 'gateway/files', instance: seededId('run') }
const run = seededKey('run')
const certificate = certifyRun(key, identity, run.publicKey)

function trustIn(writer: string, ...keys: readonly { readonly publicKey: Buffer }[]): Trust {
  return new Trust(keys.map(({ publicKey }) => ({ writer, key: publicKey.toString('base64url') })))
}

describe('keys', () => {
  it('are read back from their PEM', () => {
    const fresh = generateKey()
    const read = parsePrivateKey(privateKeyPem(fresh), 'key.pem')
    assert.deepEqual(read.publicKey, fresh.publicKey)
    assert.equal(fresh.publicKey.byteLength, 32)
    assert.ok(certificateHolds(publicKeyObject(read.publicKey), identity, certifyRun(fresh, identity, run.publicKey)))
  })

  it('are refused without a word of what stood there', () => {
    const { privateKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' })
    const other = privateKey.export({ format: 'pem', type: 'pkcs8' }).toString()
    const cut = privateKeyPem(key).slice(0, 60)
    for (const pem of ['hunter2', cut, other, ''])
      assert.throws(
        () => parsePrivateKey(pem, 'key.pem'),
        (error) => withCode('KEY_INVALID')(error) && (pem === '' || !inspect(error).includes(pem.slice(28, 58) || pem)),
      )
  })

  it('have 32 bytes', () => {
    for (const length of [0, 31, 33])
      assert.throws(() => publicKeyObject(Buffer.alloc(length)), withCode('KEY_INVALID'))
  })

  it('are refused, when anybody can sign for them, with either sign bit', () => {
    for (const last of [0x00, 0x80]) {
      const zeros = Buffer.alloc(32)
      zeros[31] = last
      assert.ok(hasSmallOrder(zeros))
      assert.throws(() => publicKeyObject(zeros), withCode('KEY_INVALID', /anybody/))
      assert.throws(() => trustIn('gateway/*', { publicKey: zeros }), withCode('KEY_INVALID'))
    }
    assert.equal(hasSmallOrder(key.publicKey), false)
  })

  it('have a short name of 16 digits', () => assert.match(keyFingerprint(key.publicKey), /^[0-9a-f]{16}$/))
})

describe('Trust', () => {
  it('finds the run key that a trusted key vouches for, the second time too', () => {
    const trust = trustIn('gateway/files', seededKey('old'), key)
    const found = trust.findRunKey(identity, certificate)
    assert.ok(found?.equals(publicKeyObject(run.publicKey)))
    assert.equal(trust.findRunKey(identity, certificate), found)
  })

  it('takes a role for all its writers, and for no other role', () => {
    assert.ok(trustIn('gateway/*', key).findRunKey(identity, certificate))
    assert.equal(trustIn('api/*', key).findRunKey(identity, certificate), undefined)
    assert.equal(trustIn('gateway/file', key).findRunKey(identity, certificate), undefined)
  })

  it('does not let one identity speak as another', () => {
    const trust = trustIn('gateway/*', key)
    assert.ok(trust.findRunKey(identity, certificate))
    for (const other of [{ log: 'theirs' }, { writer: 'gateway/mail' }, { instance: seededId('other') }])
      assert.equal(trust.findRunKey({ ...identity, ...other }, certificate), undefined)
  })

  it('believes neither another run key nor an edited certificate, even after the honest one', () => {
    const trust = trustIn('gateway/*', key)
    assert.ok(trust.findRunKey(identity, certificate))
    const edited = Buffer.from(certificate.signature)
    edited[0] = (edited[0] ?? 0) ^ 1
    assert.equal(trust.findRunKey(identity, { ...certificate, signature: edited }), undefined)
    assert.equal(trust.findRunKey(identity, { ...certificate, publicKey: seededKey('thief').publicKey }), undefined)
    assert.equal(trust.findRunKey(identity, certifyRun(seededKey('thief'), identity, run.publicKey)), undefined)
  })

  it('believes nobody, when nobody is named', () => {
    assert.equal(new Trust([]).findRunKey(identity, certificate), undefined)
  })

  it('takes settings of known roles and whole keys only', () => {
    const good = { writer: 'gateway/files', key: key.publicKey.toString('base64url') }
    assert.ok(trustSettings.safeParse([good]).success)
    for (const bad of [
      { writer: '*' },
      { writer: 'admin/x' },
      { writer: 'gateway/../x' },
      { key: 'short' },
      { more: 1 },
    ])
      assert.equal(trustSettings.safeParse([{ ...good, ...bad }]).success, false)
  })
})
