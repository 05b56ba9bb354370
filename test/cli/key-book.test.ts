// The book of long-lived keys: what the enrolment key says of each, and a rotation that is cut short.
import assert from 'node:assert/strict'
import { renameSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, it } from 'node:test'
import { ensureInstallation, type Installation, openInstallation, roleKeyFile } from '../../cli/installation.ts'
import { KeyBook, settleKeys } from '../../cli/key-book.ts'
import { enrolmentHolds } from '../../events/enrolment.ts'
import { generateKey, privateKeyPem } from '../../events/keys.ts'
import { temporaryDirectory } from '../support/ledger-harness.ts'

const foreign = generateKey().publicKey.toString('base64url')
let place: ReturnType<typeof temporaryDirectory>
let data: string
let installation: Installation
let book: KeyBook

beforeEach(async () => {
  place = temporaryDirectory()
  data = join(place.path, 'data')
  installation = await ensureInstallation(data, 'test')
  const { directory } = installation
  book = new KeyBook({ directory, log: 'test', passphrase: undefined, now: () => new Date(0) })
})
afterEach(() => place.remove())

function keyOf({ keys }: Installation): string {
  return keys.gateway.publicKey.toString('base64url')
}

describe('the book of keys', () => {
  it('vouches from the beginning for the key of every role', () => {
    const { keyRecords, enrolment, trust } = installation
    assert.deepEqual(
      keyRecords.map(({ holder }) => holder),
      ['gateway/*', 'detectors/*', 'api/*', 'ledger/*'],
    )
    assert.equal(trust.length, 4)
    for (const { holder, publicKey, enrolment: signed } of keyRecords) {
      assert.equal(signed.publicKey, enrolment)
      assert.ok(enrolmentHolds({ kind: 'registered', log: 'test', holder, publicKey }, signed))
    }
  })

  it('registers the key of another machine, once, and revokes it, once', async () => {
    await book.register('gateway/laptop', foreign)
    assert.deepEqual((await openInstallation(data)).trust.at(-1), { writer: 'gateway/laptop', key: foreign })
    await assert.rejects(book.register('gateway/laptop', foreign), { code: 'CONFLICT' })
    await book.revoke(foreign, 'lost', [])
    const record = (await openInstallation(data)).keyRecords.at(-1)
    assert.deepEqual([record?.revoked?.cause, record?.revoked?.reason], ['compromised', 'lost'])
    await assert.rejects(book.revoke(foreign, 'again', []), { code: 'CONFLICT' })
    await assert.rejects(book.register('gateway/laptop', foreign), { code: 'CONFLICT' })
  })

  it('refuses a key that is unknown, its own, or that anybody can sign for', async () => {
    await assert.rejects(book.revoke(foreign, '', []), { code: 'NOT_FOUND' })
    const own = keyOf(installation)
    await assert.rejects(book.revoke(own, '', [own]), { code: 'CONFLICT', fix: /keys rotate/ })
    await assert.rejects(book.register('api/*', Buffer.alloc(32).toString('base64url')), { code: 'KEY_INVALID' })
  })

  it('says where the enrolment key has to be, when it is kept elsewhere', async () => {
    renameSync(join(installation.directory, 'enrolment.key'), join(place.path, 'elsewhere'))
    await assert.rejects(book.register('gateway/laptop', foreign), { code: 'KEY_MISSING', where: /enrolment\.key$/ })
  })

  it('rotates a key, and trusts both', async () => {
    await book.rotate('gateway', 'rotated', 'yearly')
    const after = await openInstallation(data)
    assert.notEqual(keyOf(after), keyOf(installation))
    const keys = after.trust.filter(({ writer }) => writer === 'gateway/*').map(({ key }) => key)
    assert.deepEqual(keys, [keyOf(installation), keyOf(after)])
    const old = after.keyRecords.find(({ publicKey }) => publicKey === keyOf(installation))
    assert.equal(old?.revoked?.cause, 'rotated')
  })

  it('finishes a rotation that was cut before the new key took its place', async () => {
    const path = roleKeyFile(installation.directory, 'gateway')
    await book.rotate('gateway', 'rotated', '')
    const rotated = await openInstallation(data)
    renameSync(path, `${path}.next`)
    writeFileSync(path, privateKeyPem(installation.keys.gateway), { mode: 0o600 })
    assert.equal(keyOf(await settleKeys(data)), keyOf(rotated))
  })

  it('forgets a new key that it did not come to vouch for', async () => {
    const path = `${roleKeyFile(installation.directory, 'gateway')}.next`
    writeFileSync(path, privateKeyPem(generateKey()), { mode: 0o600 })
    assert.equal(keyOf(await settleKeys(data)), keyOf(installation))
  })
})
