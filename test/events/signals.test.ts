// Signals: one thing has one signal under each of its spellings, nothing of the text is left, and every limit says so.
import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import fc from 'fast-check'
import type { Json } from '../../events/canonical.ts'
import { MAX_SIGNALS_BYTES } from '../../events/record.ts'
import { MAX_SIGNAL_TEXT } from '../../events/signal-text.ts'
import {
  argumentSignals,
  MAX_SIGNAL_VALUES,
  parseSignals,
  resultSignals,
  type Signals,
  signalHmac,
  signalsBytes,
} from '../../events/signals.ts'
import { withCode } from '../support/errors.ts'
import { DEPLOYMENT_KEY, seededBytes } from '../support/seeded-run.ts'

function of(value: Json): Signals {
  return argumentSignals(DEPLOYMENT_KEY, 'write', value)
}

function destination(text: string): string {
  return signalHmac(DEPLOYMENT_KEY, 'destination', text)
}

function nested(depth: number, inner: Json): Json {
  let value = inner
  for (let level = 0; level < depth; level++) value = [value]
  return value
}

describe('argumentSignals', () => {
  for (const [one, other] of [
    ['/a/b', '/a//b'],
    ['/a/b', '/a/./b'],
    ['/a/b', '/a/b/'],
    ['/a/b', '/a/././/b/'],
    ['/caf\u00e9', '/cafe\u0301'],
    ['/', '//'],
  ] as const)
    it(`sees one object in ${one} and ${other}`, () => {
      assert.deepEqual(of({ path: one }).objects, of({ path: other }).objects)
    })

  it('tells objects apart by path, by case and from destinations', () => {
    const seen = ['/a', '/A', '/a/b', 'a'].flatMap((path) => of({ path }).objects)
    assert.equal(new Set(seen).size, 4)
    assert.notEqual(signalHmac(DEPLOYMENT_KEY, 'object', 'x'), destination('x'))
    assert.notEqual(signalHmac(DEPLOYMENT_KEY, 'object', 'x'), signalHmac(seededBytes('other', 32), 'object', 'x'))
  })

  for (const name of [
    'path',
    'file',
    'filePath',
    'file_path',
    'url',
    'channel_id',
    'channelId',
    'id',
    'destination',
    'title',
  ])
    it(`takes ${name} for the name of an object, in lists too`, () => {
      assert.deepEqual(of({ [name]: 'x' }).objects, [signalHmac(DEPLOYMENT_KEY, 'object', 'x')])
      assert.equal(of({ more: { [name]: ['x', 'y', 1] } }).objects.length, 3)
    })

  it('counts what no name of an object says as one more, so that a decoy beside it hides nothing', () => {
    const found = [1, 2].map((count) => of({ id: '1', email: `u${count}@b.example`, limit: count }).objects)
    assert.deepEqual(found[0]?.length, 2)
    assert.notDeepEqual(found[0], found[1])
    assert.deepEqual(of({ path: '/a', head: 1 }).objects, of({ Path: ' //a/. ', head: 2 }).objects)
  })

  it('takes the arguments as a whole, when none names an object', () => {
    assert.equal(of({ text: 'a' }).objects.length, 1)
    assert.notDeepEqual(of({ text: 'a' }).objects, of({ text: 'b' }).objects)
  })

  for (const [text, host] of [
    ['see https://Evil.example/path', 'evil.example'],
    ['https://www.evil.example:8443', 'evil.example'],
    ['www.evil.example.', 'evil.example'],
    ['https://good.example@evil.example/', 'evil.example'],
    ['https://good.example:x@y@evil.example/', 'evil.example'],
    [`https://${'good.example.'.repeat(100)}@evil.example/`, 'evil.example'],
    ['https://evil.example\\@good.example/', 'evil.example'],
    ['mail Bob@Evil.Example now', 'bob@evil.example'],
    ['to bob@evil.example.', 'bob@evil.example'],
    ['pay DE89370400440532013000 now', 'DE89370400440532013000'],
  ] as const)
    it(`finds ${host} in ${text.slice(0, 50)}`, () => assert.ok(of({ text }).destinations.includes(destination(host))))

  it('finds one destination once, wherever it stands', () => {
    assert.equal(of({ to: ['a@b.example', 'A@B.example'], cc: 'a@b.example' }).destinations.length, 1)
  })
})

describe('the limits of signals', () => {
  it('cuts at 200 of a kind, and says so', () => {
    const path = Array.from({ length: MAX_SIGNAL_VALUES + 1 }, (_, index) => `/p/${index} a${index}@b.example`)
    const signals = of({ path })
    assert.deepEqual([signals.objects.length, signals.destinations.length, signals.truncated], [200, 200, true])
    assert.equal(of({ path: path.slice(1) }).truncated, false)
    assert.ok(signalsBytes(signals).byteLength <= MAX_SIGNALS_BYTES)
  })

  it('cuts the text, and says so', () => {
    const signals = of({ text: `${'x'.repeat(MAX_SIGNAL_TEXT)} a@b.example` })
    assert.deepEqual(
      [signals.destinations.length, signals.truncated, signals.textLength],
      [0, true, MAX_SIGNAL_TEXT + 12],
    )
  })

  it('cuts what lies too deep, says so, and survives any depth', () => {
    assert.equal(of(nested(32, 'a@b.example')).destinations.length, 1)
    for (const depth of [33, 100_000]) {
      const signals = of(nested(depth, 'a@b.example'))
      assert.deepEqual([signals.destinations.length, signals.objects.length, signals.truncated], [0, 0, true])
      assert.equal(resultSignals(DEPLOYMENT_KEY, 'read', nested(depth, 'x')).truncated, true)
    }
  })

  it('takes less than two seconds of processor time for 1 MiB of whatever starts a pattern over and over', () => {
    const units = [
      'a',
      '-',
      'a@',
      '@a',
      `a@a${'-'.repeat(252)}`,
      'a.',
      'a://',
      'a://@',
      'http://a',
      'www.',
      'AA11',
      '_',
      '/',
      '/./',
      '//',
    ]
    const dots = [
      `http://a${'.'.repeat(250)}a `,
      `www.a${'.'.repeat(240)}a `,
      `AA11${'A'.repeat(40)} `,
      '\u0301',
      'http://',
      'x_url',
    ]
    for (const unit of [...units, ...dots]) {
      const text = unit.repeat(Math.ceil(2 ** 20 / unit.length))
      for (const value of [{ path: text }, ...(unit.includes('_') ? [{ [text]: 'x' }] : [])]) {
        const before = process.cpuUsage()
        of(value)
        assert.ok(process.cpuUsage(before).user < 2_000_000, unit)
      }
    }
  })
})

describe('signalsBytes', () => {
  it('holds nothing of the text, whatever it says', () => {
    const word = fc.stringMatching(/^[a-z]{8,12}$/)
    const property = fc.property(word, word, (name, host) => {
      const bytes = signalsBytes(of({ path: `/home/${name}`, text: `mail ${name}@${host}.example` })).toString()
      assert.ok(!bytes.includes(name) && !bytes.includes(host))
    })
    fc.assert(property, { seed: 3, numRuns: 50 })
  })

  it('is read back as it was written', () => {
    const signals = of({ path: '/a', text: 'a@b.example' })
    assert.deepEqual(parseSignals(signalsBytes(signals)), signals)
  })

  it('refuses what is no signals', () => {
    const good = JSON.parse(signalsBytes(of({})).toString()) as Record<string, unknown>
    for (const bad of [{ ...good, v: 3 }, { ...good, more: 1 }, { ...good, objects: ['plain text'] }, []])
      assert.throws(
        () => parseSignals(Buffer.from(JSON.stringify(bad, Object.keys(bad).sort()))),
        withCode('EVENT_INVALID'),
      )
    assert.throws(() => parseSignals(Buffer.alloc(MAX_SIGNALS_BYTES + 1)), withCode('EVENT_TOO_LARGE'))
  })
})
