// Checked before believed: nothing forged, replayed elsewhere or malformed is ever accepted, and nothing stops the verifier.
import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import fc from 'fast-check'
import { hashBody, signAppend } from '../../events/chain.ts'
import { certifyRun } from '../../events/keys.ts'
import type { LogRecord } from '../../events/log.ts'
import { decodeSignature, encodeSignature, toRecord } from '../../events/record.ts'
import { beatEntry, honestRun, openEntry, Run, seededKey } from '../support/seeded-run.ts'
import { commitOf, honest, judge, nothing, outcomes, resigned, told, withHeaders } from '../support/verdicts.ts'

describe('verifyRecords, on forgeries', () => {
  const call = commitOf(honest, 1)
  const stranger = honestRun(1, { longLived: 'stranger' })
  const cases: readonly (readonly [string, readonly LogRecord[], string])[] = [
    ['another log', honestRun(1, { log: 'theirs' }).records(), 'meant for another ledger: theirs'],
    ['a writer key that is not trusted', stranger.records(), 'no trusted key vouches for the key of this run'],
    [
      'the key of another chain',
      call.map((record) => ({ ...record, key: 'gateway/files/x' })),
      'the key of the record is not its chain',
    ],
    [
      'no signature',
      call.map(({ headers: { signature: _, ...headers }, ...rest }) => ({ ...rest, headers })),
      'no signature covers this event',
    ],
    [
      'no hash',
      call.map(({ headers: { hash: _, ...headers }, ...rest }) => ({ ...rest, headers })),
      'no hash of 32 bytes beside the body (header hash)',
    ],
    [
      'the hash of another body',
      call.map((record) => withHeaders(record, { hash: Buffer.alloc(32) })),
      'the hash beside the body is not the hash of the body',
    ],
    ['a signature of zeros', resigned(call, Buffer.alloc(164)), 'no signature covers this event'],
    [
      'a cut signature',
      resigned(call.slice(1), Buffer.alloc(100)),
      'a signature of 100 bytes, expected 164 (header signature)',
    ],
    ['a part of an append', call.slice(1), 'the signature covers events that are not there'],
    ['an append in another order', [...call].reverse(), 'the signature covers events that are not there'],
  ]
  for (const [name, records, reason] of cases)
    it(`quarantines ${name}`, () => assert.equal(told(judge(records)), `quarantined: ${reason}`))

  it('quarantines an unsigned body, even with its own hash right and between honest appends', () => {
    const value = Buffer.from(
      Buffer.from(call[0]?.value ?? '')
        .toString()
        .replace('tools/call', 'tools/cull'),
    )
    const forged = { key: honest.chain, value, headers: { hash: Buffer.from(hashBody(value), 'hex') } }
    const verdicts = judge([...commitOf(honest, 0), forged, ...call])
    assert.deepEqual(outcomes(verdicts), ['accepted', 'quarantined', 'accepted', 'accepted'])
  })

  it('quarantines what another key signed under an honest certificate', () => {
    const key = { ...honest.runKey, privateKey: seededKey('thief').privateKey }
    const forged = encodeSignature(signAppend(key, honest.commits[1]?.hashes ?? []))
    assert.equal(told(judge(resigned(call, forged))), 'quarantined: the signature does not hold')
  })

  it('quarantines a count that does not fit, and every count for a lone event', () => {
    const signature = Buffer.from(call[1]?.headers.signature ?? '')
    for (const count of [0, 1, 3, 2 ** 32 - 1]) {
      signature.writeUInt32BE(count)
      assert.ok(judge(resigned(call, signature)).every(({ outcome }) => outcome === 'quarantined'))
    }
  })

  for (const [what, spec] of [
    ['writer', { writer: 'gateway/mail' }],
    ['instance', { seed: 'second' }],
    ['log', { log: 'other' }],
  ] as const)
    it(`quarantines the certificate of another ${what}`, () => {
      const { identity } = new Run(spec).runKey
      const run = new Run()
      const certificate = certifyRun(run.longLived, identity, run.runKey.certificate.publicKey)
      const key = { ...run.runKey, certificate }
      const records = run.append(beatEntry(1))
      const forged = encodeSignature(signAppend(key, run.commits[0]?.hashes ?? []))
      const told1 = told(judge(resigned(records, forged)))
      assert.equal(told1, 'quarantined: no trusted key vouches for the key of this run')
    })

  it('quarantines a run key that anybody can sign for, though a trusted key vouches for it', () => {
    const run = new Run()
    const records = run.append(beatEntry(1))
    const certificate = certifyRun(run.longLived, run.runKey.identity, Buffer.alloc(32))
    const forged = encodeSignature({ ...certificate, count: 1, appendSignature: Buffer.alloc(64) })
    assert.equal(told(judge(resigned(records, forged))), 'quarantined: no trusted key vouches for the key of this run')
  })

  it('quarantines a run key that is no point of the curve', () => {
    const run = new Run()
    run.append(beatEntry(1))
    const records = run.append(beatEntry(2))
    const certificate = certifyRun(run.longLived, run.runKey.identity, Buffer.alloc(32, 2))
    const forged = encodeSignature({ ...certificate, count: 1, appendSignature: Buffer.alloc(64, 1) })
    assert.equal(told(judge(resigned(records, forged))), 'quarantined: the signature does not hold')
  })

  it('quarantines an opening that names another key or another certificate than its signature', () => {
    const other = openEntry(new Run({ seed: 'other' })).draft
    for (const field of ['publicKey', 'certificate'] as const) {
      const run = new Run()
      const own = openEntry(run).draft
      if (typeof own === 'function' || typeof other === 'function') throw new Error('openings are plain drafts')
      const draft = { ...own, [field]: field in other ? other[field as keyof typeof other] : '' } as typeof own
      assert.match(told(judge(run.append({ draft }))), /^quarantined: writer\/open names another/)
    }
  })

  it('quarantines events that are signed as one append but do not follow each other', () => {
    const run = new Run()
    const [first] = run.append(beatEntry(1))
    run.append(beatEntry(2))
    const [third] = run.append(beatEntry(3))
    const hashes = [run.commits[0]?.hashes[0] ?? '', run.commits[2]?.hashes[0] ?? '']
    if (first === undefined || third === undefined) throw new Error('appended')
    const { signature: _, ...headers } = first.headers
    const records = [
      { ...first, headers },
      withHeaders(third, { signature: encodeSignature(signAppend(run.runKey, hashes)) }),
    ]
    assert.equal(told(judge(records)), 'quarantined: the events of one append do not follow each other')
  })

  it('quarantines a type that the role may not write, though its signature holds', () => {
    const run = new Run()
    const [record] = run.append(beatEntry(1))
    const body = JSON.parse(Buffer.from(record?.value ?? '').toString()) as object
    const alert = { ...body, type: 'switch/resumed', revision: 9, scope: 'all', by: 'user:eve', reason: 'because' }
    const value = Buffer.from(canonical(alert))
    const hash = hashBody(value)
    const sealed = { event: run.events()[0]?.event ?? fail(), body: value, hash }
    const forged = toRecord(run.chain, sealed, { signature: signAppend(run.runKey, [hash]) })
    const reason = told(judge([forged]))
    assert.equal(reason, 'quarantined: a gateway may not write switch/resumed (type)')
  })
})

function canonical(value: object): string {
  return JSON.stringify(
    Object.fromEntries(
      Object.entries(value)
        .filter(([name]) => name !== 'monotonicMicros')
        .sort(),
    ),
  )
}

function fail(): never {
  throw new Error('no event was appended')
}

describe('verifyRecords, on replays', () => {
  it('calls a whole batch said again duplicates', () => {
    const known = nothing()
    judge(honest.records(), known)
    assert.equal(told(judge(honest.records(), known)), 'duplicate')
  })

  it('quarantines an honest signature over the hashes of another append', () => {
    const other = Buffer.from(commitOf(honest, 3)[1]?.headers.signature ?? '')
    assert.equal(told(judge(resigned(commitOf(honest, 1), other))), 'quarantined: the signature does not hold')
  })

  it('finds a body in another run, by its chain', () => {
    const other = honestRun(1, { seed: 'other' })
    const moved = commitOf(honest, 1).map((record) => ({ ...record, key: other.chain }))
    assert.equal(told(judge(moved)), 'quarantined: the key of the record is not its chain')
  })
})

describe('verifyRecords, on bad input', () => {
  it('accepts nothing, when any byte of a body is flipped', () => {
    const [propose, decide] = commitOf(honest, 1)
    if (propose === undefined || decide === undefined) throw new Error('a call')
    for (let at = 0; at < propose.value.byteLength; at++) {
      const value = Buffer.from(propose.value)
      value[at] = (value[at] ?? 0) ^ (1 << (at % 8))
      const plain = judge([{ ...propose, value }, decide])
      const rehashed = withHeaders({ ...propose, value }, { hash: Buffer.from(hashBody(value), 'hex') })
      for (const verdict of [...plain, ...judge([rehashed, decide])]) assert.equal(verdict.outcome, 'quarantined')
    }
  })

  it('accepts nothing, when any byte of a signature is flipped', () => {
    const [record] = commitOf(honest, 0)
    const signature = Buffer.from(record?.headers.signature ?? '')
    for (let at = 0; at < signature.byteLength; at++) {
      const flipped = Buffer.from(signature)
      flipped[at] = (flipped[at] ?? 0) ^ 0x10
      assert.equal(outcomes(judge(resigned(commitOf(honest, 0), flipped)))[0], 'quarantined')
    }
    assert.deepEqual(encodeSignature(decodeSignature(signature)), signature)
  })

  it('gives every record a verdict and never throws, whatever comes', () => {
    const bytes = fc.uint8Array({ maxLength: 200 })
    const body = fc.oneof(
      bytes,
      fc.json().map((text) => Buffer.from(text)),
      fc.constantFrom(...honest.records().map(({ value }) => value)),
    )
    const headers = fc.dictionary(
      fc.constantFrom('hash', 'signature', 'signals', 'payload', 'append', '__proto__'),
      bytes,
    )
    const key = fc.oneof(fc.string(), fc.constant(honest.chain))
    const property = fc.property(fc.array(fc.record({ key, value: body, headers }), { maxLength: 8 }), (records) => {
      const verdicts = judge(records)
      assert.equal(verdicts.length, records.length)
      assert.ok(verdicts.every(({ outcome }) => outcome === 'quarantined'))
    })
    fc.assert(property, { seed: 17, numRuns: 150 })
  })

  for (const time of ['+275760-09-13T00:00:009e9', '2026-02-30T00:00:00.000000Z', '9999-99-99T99:99:99.999999Z'])
    it(`quarantines the time ${time}`, () => {
      const [record] = commitOf(honest, 0)
      const text = Buffer.from(record?.value ?? '')
        .toString()
        .replace(/"time":"[^"]*"/, `"time":"${time}"`)
      const verdicts = judge([{ key: honest.chain, value: Buffer.from(text), headers: record?.headers ?? {} }])
      assert.match(told(verdicts), /^quarantined: not an event: expected a (UTC )?time/)
    })

  it('quarantines bodies that would break a parser', () => {
    const bombs = ['['.repeat(30_000), '{"__proto__":{}}', '"\0"', `"${'a'.repeat(70_000)}"`, '\xff', '']
    for (const bomb of bombs)
      assert.match(told(judge([{ key: 'k', value: Buffer.from(bomb, 'latin1'), headers: {} }])), /^quarantined/)
  })
})
