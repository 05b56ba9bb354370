// Commitments to payloads: what was recorded holds, whatever was chosen, and nothing else does.
import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import {
  argumentsDigest,
  attachmentHolds,
  commitment,
  commitPayload,
  hiddenSalt,
  type Payload,
  type RecordChoice,
  SALT_BYTES,
} from '../../events/payload.ts'
import { MAX_PAYLOAD_BYTES } from '../../events/record.ts'
import { redactSecrets } from '../../events/redact.ts'
import { DEPLOYMENT_KEY, seededBytes } from '../support/seeded-run.ts'

const secret = `AKIA${'A'.repeat(16)}`

function commit(text: string, record: RecordChoice['record'], maxBytes = 1_000, salt = 'salt'): Payload {
  const means = { salt: seededBytes(salt, SALT_BYTES), deploymentKey: DEPLOYMENT_KEY, redact: redactSecrets }
  return commitPayload(Buffer.from(text), { record, maxBytes }, means)
}

function recordedText({ attachment }: Payload): string {
  return attachment.subarray(SALT_BYTES).toString()
}

/** One payload of each form that a record can have. */
const forms: Readonly<Record<Payload['field']['record'], (text: string, salt?: string) => Payload>> = {
  full: (text, salt) => commit(text, 'full', 1_000, salt),
  redacted: (text, salt) => commit(`${text} ${secret}`, 'redacted', 1_000, salt),
  cut: (text, salt) => commit(text, 'full', 3, salt),
  commitment: (text, salt) => commit(text, 'commitment', 1_000, salt),
}

describe('commitPayload', () => {
  for (const [record, make] of Object.entries(forms)) {
    it(`says ${record}, with the size of the exact bytes, and its attachment holds`, () => {
      const payload = make('some text')
      assert.equal(payload.field.record, record)
      assert.equal(payload.field.bytes, record === 'redacted' ? 9 + 21 : 9)
      assert.ok(attachmentHolds(payload.field, payload.attachment))
    })

    it(`holds no other attachment, when ${record}`, () => {
      const { field, attachment } = make('some text')
      for (const other of [make('some more text, ', 'other'), make('some text', 'other')])
        assert.equal(attachmentHolds(field, other.attachment), false)
      for (const at of [0, SALT_BYTES - 1, attachment.length - 1]) {
        const edited = Buffer.from(attachment)
        edited[at] = (edited[at] ?? 0) ^ 1
        assert.equal(attachmentHolds(field, edited), false)
      }
      for (const length of [0, SALT_BYTES - 1])
        assert.equal(attachmentHolds(field, attachment.subarray(0, length)), false)
      assert.equal(attachmentHolds(field, Buffer.concat([attachment, Buffer.from('x')])), false)
    })
  }

  it('records what was chosen', () => {
    assert.equal(recordedText(forms.full('text')), 'text')
    assert.equal(recordedText(forms.redacted('text')), 'text [redacted: aws-access-key]')
    assert.equal(recordedText(forms.cut('text')), 'tex')
    assert.equal(recordedText(forms.commitment('text')), '')
  })

  it('says full, when nothing had to be redacted or cut', () => {
    assert.equal(commit('text', 'redacted', 4).field.record, 'full')
  })

  it('redacts before it cuts, so that no half of a secret is left', () => {
    const payload = commit(`a ${secret}`, 'redacted', 10)
    assert.deepEqual([payload.field.record, recordedText(payload)], ['cut', 'a [redacte'])
    assert.ok(attachmentHolds(payload.field, payload.attachment))
  })

  it('never makes an attachment that a record can not carry', () => {
    const payload = commit('x'.repeat(MAX_PAYLOAD_BYTES * 2), 'full', Number.MAX_SAFE_INTEGER)
    assert.equal(payload.attachment.byteLength, MAX_PAYLOAD_BYTES)
    assert.ok(attachmentHolds(payload.field, payload.attachment))
  })

  it('lets nobody without the deployment key check a guess at what was left out', () => {
    const { field, attachment } = forms.redacted('text')
    const salt = attachment.subarray(0, SALT_BYTES)
    const exact = Buffer.from(`text ${secret}`)
    assert.notEqual(field.commitment, commitment(salt, exact))
    assert.equal(field.commitment, commitment(hiddenSalt(DEPLOYMENT_KEY, salt), exact))
  })

  it('tells numbers apart that a parse would make one', () => {
    assert.notEqual(forms.full('9007199254740993').field.commitment, forms.full('9007199254740992').field.commitment)
  })
})

describe('attachmentHolds', () => {
  it('refuses a field that lacks its commitment to what was recorded', () => {
    const { field, attachment } = forms.redacted('text')
    const { recorded: _, ...lacking } = field
    assert.equal(attachmentHolds(lacking, attachment), false)
    assert.equal(attachmentHolds({ ...lacking, record: 'commitment' }, attachment.subarray(0, SALT_BYTES)), false)
  })
})

describe('argumentsDigest', () => {
  it('depends on the key and on every byte', () => {
    const digests = [
      argumentsDigest(DEPLOYMENT_KEY, Buffer.from('{"a":1}')),
      argumentsDigest(DEPLOYMENT_KEY, Buffer.from('{"a": 1}')),
    ]
    assert.equal(new Set([...digests, argumentsDigest(seededBytes('other', 32), Buffer.from('{"a":1}'))]).size, 3)
  })
})
