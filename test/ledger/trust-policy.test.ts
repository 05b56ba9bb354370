// Trust policies (https://c2sp.org/tlog-policy). The specification publishes no vectors: its rules are one case each here, and
// the cases of the Go parser (transparency-dev/formats) with our own keys, each with what it must come to and why.
import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { generateKey } from '../../events/keys.ts'
import { signCheckpoint } from '../../ledger/checkpoint.ts'
import { EMPTY_ROOT } from '../../ledger/merkle.ts'
import { cosignatureLine, formatVerifierKey, parseNote, verifierKey, WITNESS_SIGNATURE } from '../../ledger/note.ts'
import { judgeCheckpoint, parseTrustPolicy, quorumTimeOf } from '../../ledger/trust-policy.ts'

const log = generateKey()
const logLine = `log ${formatVerifierKey(verifierKey('example.com/log', log.publicKey))}`
const witnesses = ['x1', 'x2', 'x3', 'y1', 'y2', 'y3'].map((name) => ({ name, pair: generateKey() }))
const vkeys = witnesses.map(({ name, pair }) => vkeyOf(name, pair.publicKey))
const lines = witnesses.map(({ name }, at) => `witness ${name} ${vkeys[at]}`)
const [first = '', second = ''] = lines
const note = signCheckpoint({ origin: 'example.com/log', size: 7, root: EMPTY_ROOT }, log)

/** The policy that the specification shows. */
const example = [
  logLine,
  ...lines.slice(0, 3),
  'group X-witnesses 2 x1 x2 x3',
  ...lines.slice(3),
  'group Y-witnesses any y1 y2 y3',
  'group X-and-Y all X-witnesses Y-witnesses',
  'quorum X-and-Y',
]

function vkeyOf(name: string, publicKey: Buffer): string {
  return formatVerifierKey(verifierKey(`example.com/${name}`, publicKey, WITNESS_SIGNATURE))
}

function parse(text: readonly string[]): ReturnType<typeof parseTrustPolicy> {
  return parseTrustPolicy(Buffer.from(text.map((line) => `${line}\n`).join('')), 'trust')
}

/** The checkpoint with cosignatures, each at its time. */
function cosigned(times: Readonly<Record<string, number>>): string {
  const added = witnesses
    .filter(({ name }) => times[name] !== undefined)
    .map(({ name, pair }) =>
      cosignatureLine(parseNote(note).text, {
        name: `example.com/${name}`,
        key: pair,
        timestampSeconds: times[name] ?? 0,
      }),
    )
  return note + added.join('')
}

describe('a trust policy', () => {
  const accepted: Readonly<Record<string, readonly string[]>> = {
    'the example of the specification': example,
    'no witness at all': [logLine, 'quorum none'],
    'no log, known from elsewhere': [first, 'quorum x1'],
    'space, tabs, empty lines and comments': ['', ' # note', `\t${first} \t`, '  quorum\tx1  ', '#'],
    'URLs, which may hold octets beyond ASCII': [
      `${logLine} https://log.example/`,
      `${first} https://w.example/ü`,
      'quorum x1',
    ],
    'witnesses in another order, and outside the quorum': [second, first, 'quorum x1'],
    'the quorum before witnesses that it does not name': [first, 'quorum x1', second],
    'a threshold of all members': [first, second, 'group g 2 x1 x2', 'quorum g'],
    'names that differ in their octets alone': [
      first,
      second.replace('x2', 'K'),
      lines[2]?.replace('x3', '\u212a') ?? '',
      'quorum K',
    ],
  }
  for (const [what, text] of Object.entries(accepted)) it(`is read: ${what}`, () => assert.ok(parse(text)))

  const refused: readonly (readonly [string, readonly string[], RegExp])[] = [
    ['no quorum', [first], /no quorum line/],
    ['an empty file', [], /no quorum line/],
    ['two quorum lines', ['quorum none', 'quorum none'], /2: .*already|already/],
    ['a quorum that nothing defines', ['quorum unknown'], /"unknown" is not defined/],
    ['a quorum before its definition', ['quorum x1', first], /not defined/],
    ['a name that is defined twice', [first, second.replace('x2', 'x1'), 'quorum x1'], /"x1" is defined already/],
    ['a group with the name of a witness', [first, second, 'group x1 all x2', 'quorum x1'], /defined already/],
    ['a negative threshold', [first, 'group g -1 x1', 'quorum g'], /threshold/],
    ['a threshold of 0', [first, 'group g 0 x1', 'quorum g'], /threshold/],
    ['a threshold beyond the members', [first, 'group g 2 x1', 'quorum g'], /from 1 to 1/],
    ['a threshold with a leading zero', [first, 'group g 01 x1', 'quorum g'], /threshold/],
    ['a group without members', ['group g all', 'quorum g'], /expected: group/],
    ['a member that is defined later', ['group g any x1', first, 'quorum g'], /on a line before/],
    ['a member twice', [first, 'group g 1 x1 x1', 'quorum g'], /member already/],
    ['a member of two groups', [first, 'group g any x1', 'group h any x1', 'quorum g'], /member already/],
    ['none as a member', ['group g any none', 'quorum g'], /"none"/],
    ['a keyword as the name of a witness', [first.replace('x1', 'all'), 'quorum none'], /can't be a name/],
    ['a keyword as the name of a group', [first, 'group none 1 x1', 'quorum none'], /can't be a name/],
    ['a witness with the key of another', [first, first.replace('x1', 'x9'), 'quorum none'], /listed already/],
    ['a log with the key of another', [logLine, logLine, 'quorum none'], /listed already/],
    [
      'a witness with the key of a log',
      [logLine.replace('log', 'witness w'), 'quorum none'],
      /type 0x04 here, not 0x01/,
    ],
    [
      'a log with the key of a witness',
      [first.replace('witness x1', 'log'), 'quorum none'],
      /type 0x01 here, not 0x04/,
    ],
    ['a comment at the end of a line', [`${logLine} https://log.example/ #log`, 'quorum none'], /expected: log/],
    ['a key whose id is another', [first.replace(/\+[0-9a-f]{8}\+/, '+00000000+'), 'quorum x1'], /the key has the id/],
    ['a line that is none of these', ['quorum none', 'witnesses x'], /"witnesses" is none of/],
    ['a carriage return', ['quorum none\r'], /control characters/],
    ['a quorum of two names', [first, second, 'quorum x1 x2'], /expected: quorum/],
  ]
  for (const [what, text, message] of refused)
    it(`is refused: ${what}`, () => assert.throws(() => parse(text), { code: 'TRUST_INVALID', message }))

  it('is refused with the line, and when its last line has no end', () => {
    assert.throws(() => parse([logLine, '', 'quorum x']), { where: 'trust:3' })
    assert.throws(() => parseTrustPolicy(Buffer.from('quorum none'), 'trust'), {
      code: 'TRUST_INVALID',
      where: 'trust:1',
    })
  })
})

describe('a checkpoint under a policy', () => {
  const policy = parse(example)

  for (const [names, quorum] of [
    ['x1 x2 y3', 'met'],
    ['x1 x2 x3 y1 y2 y3', 'met'],
    ['x1 y1 y2 y3', 'unmet'],
    ['x1 x2 x3', 'unmet'],
    ['', 'unmet'],
  ] as const) {
    it(`has its quorum ${quorum}, when it is cosigned by: ${names || 'nobody'}`, () => {
      const times = Object.fromEntries(names.split(' ').map((name) => [name, 100]))
      const judged = judgeCheckpoint(cosigned(times), policy)
      assert.equal(judged.quorum, quorum)
      assert.equal(judged.missing === undefined, quorum === 'met')
    })
  }

  it('needs no witness, when the policy says none', () => {
    assert.equal(judgeCheckpoint(note, parse([logLine, 'quorum none'])).quorum, 'none')
  })

  it('is refused for a log that the policy does not name, or names with another key', () => {
    const other = `log ${formatVerifierKey(verifierKey('example.com/log', generateKey().publicKey))}`
    for (const text of [['quorum none'], [other, 'quorum none']])
      assert.throws(() => judgeCheckpoint(note, parse(text)), { code: 'CHECKPOINT_INVALID' })
  })

  it('is refused with a cosignature of another tree, however many others hold', () => {
    const larger = signCheckpoint({ origin: 'example.com/log', size: 8, root: EMPTY_ROOT }, log)
    const stolen = cosigned({ x1: 1, x2: 1, y1: 1 }).slice(note.length)
    assert.throws(() => judgeCheckpoint(larger + stolen, policy), { code: 'CHECKPOINT_INVALID' })
  })

  it('is counted once for a witness that signed twice', () => {
    const twice = cosigned({ x1: 1, y1: 1 }) + cosigned({ x1: 2 }).slice(note.length)
    assert.equal(judgeCheckpoint(twice, policy).quorum, 'unmet')
  })

  it('is as old as the quorum that last stood behind it, whatever one witness says', () => {
    const judged = judgeCheckpoint(cosigned({ x1: 900, x2: 500, x3: 400, y1: 100, y2: 700 }), policy)
    assert.equal(quorumTimeOf(judged, policy, 1_000), 500)
    assert.equal(quorumTimeOf(judgeCheckpoint(note, policy), policy, 1_000), undefined)
  })

  it('has no age by clocks that are far ahead', () => {
    const judged = judgeCheckpoint(cosigned({ x1: 900, x2: 5_000, y1: 900 }), policy)
    assert.equal(quorumTimeOf(judged, policy, 1_000), undefined)
  })
})
