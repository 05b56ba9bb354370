// Notes, checkpoints and cosignatures against the examples of their specifications
// (https://c2sp.org/signed-note, https://c2sp.org/tlog-checkpoint, https://pkg.go.dev/golang.org/x/mod/sumdb/note), and edited.
import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import fc from 'fast-check'
import { generateKey } from '../../events/keys.ts'
import { originOf, signCheckpoint, verifyCheckpoint } from '../../ledger/checkpoint.ts'
import { EMPTY_ROOT } from '../../ledger/merkle.ts'
import {
  cosignatureLine,
  formatVerifierKey,
  parseNote,
  parseVerifierKey,
  signNote,
  verifierKey,
  verifyNote,
  WITNESS_SIGNATURE,
} from '../../ledger/note.ts'

const PETER = 'PeterNeumann+c74f20a3+ARpc2QcUPDhMQegwxbzhKqiBfsVkmqq/LDE4izWy10TW'
const PETER_SAYS = `If you think cryptography is the answer to your problem,
then you don't know what your problem is.

— PeterNeumann x08go/ZJkuBS9UG/SffcvIAQxVBtiFupLLr8pAcElZInNIuGUgYN1FFYC2pZSNXgKvqfqdngotpRZb6KE6RyyBwJnAM=
`
const log = generateKey()
const key = verifierKey('example.com/log', log.publicKey)
const checkpoint = { origin: 'example.com/log', size: 7, root: EMPTY_ROOT }
const note = signCheckpoint(checkpoint, log)

describe('signed notes', () => {
  it("hold for the note of Go's documentation", () => {
    const peter = parseVerifierKey(PETER)
    assert.equal(verifyNote(parseNote(PETER_SAYS), [peter])[0]?.key, peter)
    assert.equal(formatVerifierKey(peter), PETER)
  })

  it('do not hold for another text, another key, or without a known signature', () => {
    const refused = { code: 'CHECKPOINT_INVALID' }
    assert.throws(
      () => verifyNote(parseNote(PETER_SAYS.replace('problem is', 'problem')), [parseVerifierKey(PETER)]),
      refused,
    )
    assert.throws(() => verifyNote(parseNote(PETER_SAYS), [key]), refused)
    assert.throws(() => verifyNote(parseNote(PETER_SAYS), []), refused)
  })

  it('refuse keys whose id, type or form is wrong, or for which anybody can sign', () => {
    const nobody = Buffer.alloc(32)
    const texts = [PETER.replace('c74f20a3', 'c74f20a4'), 'x', '', 'a+b+c', `${PETER}=`, PETER.replace('+AR', '+Ax')]
    for (const text of [...texts, formatVerifierKey(verifierKey('n', nobody))])
      assert.throws(() => parseVerifierKey(text), { code: 'KEY_INVALID' })
    for (const name of ['', 'a b', 'a+b', 'a\nb', 'a\u2003b'])
      assert.throws(() => verifierKey(name, log.publicKey), { code: 'KEY_INVALID' })
  })
})

describe('checkpoints', () => {
  it('are read as they were signed', () => {
    const { origin, size, root } = verifyCheckpoint(note, key)
    assert.deepEqual({ origin, size, root }, checkpoint)
  })

  it('are refused with any one character changed, removed or doubled', () => {
    fc.assert(
      fc.property(fc.nat(note.length - 1), fc.constantFrom('', '0', 'A', '\n', ' ', '—', '\u0000'), (at, put) => {
        const edited = note.slice(0, at) + put + note.slice(at + 1)
        if (edited !== note) assert.throws(() => verifyCheckpoint(edited, key), { code: 'CHECKPOINT_INVALID' })
      }),
      { numRuns: 300 },
    )
  })

  it('are refused where the text is no checkpoint, whoever signed it', () => {
    const root = EMPTY_ROOT.toString('base64')
    const texts = [`07\n${root}`, `-1\n${root}`, `7\n${root}\nextension`, `7\n${root.slice(4)}`, `1e3\n${root}`, `7`]
    for (const text of texts) {
      const forged = signNote(`${key.name}\n${text}\n`, key.name, log)
      assert.throws(() => verifyCheckpoint(forged, key), { code: 'CHECKPOINT_INVALID' })
    }
  })

  it('are refused for another log that has the same key', () => {
    const other = verifierKey('example.com/other', log.publicKey)
    assert.throws(() => verifyCheckpoint(note, other), { code: 'CHECKPOINT_INVALID' })
  })

  it('have an origin that may name a key, whatever the ledger is called', () => {
    assert.equal(originOf('toolwarden/1a2b'), 'toolwarden/1a2b')
    assert.equal(originOf('my log+1%'), 'my%20log%2B1%25')
  })
})

describe('cosignatures', () => {
  const witness = generateKey()
  const { text } = parseNote(note)
  const line = cosignatureLine(text, { name: 'witness.example', key: witness, timestampSeconds: 1_679_315_147 })
  const witnessKey = verifierKey('witness.example', witness.publicKey, WITNESS_SIGNATURE)

  it('hold beside the signature of the log, and say when', () => {
    const { signatures } = verifyCheckpoint(note + line, key, [witnessKey])
    assert.deepEqual(signatures, [{ key }, { key: witnessKey, timestampSeconds: 1_679_315_147 }])
  })

  it('never stand for the log itself', () => {
    assert.throws(() => verifyCheckpoint(`${text}\n${line}`, key, [witnessKey]), /did not sign/)
  })

  it('do not hold for another time or tree', () => {
    const bytes = Buffer.from(line.trim().split(' ')[2] ?? '', 'base64')
    bytes[11] = (bytes[11] ?? 0) ^ 1
    const later = `— witness.example ${bytes.toString('base64')}\n`
    const larger = signCheckpoint({ ...checkpoint, size: 8 }, log)
    for (const forged of [note + later, larger + line])
      assert.throws(() => verifyCheckpoint(forged, key, [witnessKey]), /witness.example does not hold/)
  })
})
