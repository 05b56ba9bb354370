// What somebody may do to a bundle on its way (rows 16 and 22 of the list of attacks): one honest bundle, one change, and the
// verifier names what is wrong and where. Nothing of it is ever "valid", and verify.mjs says the same as the command.
import assert from 'node:assert/strict'
import { execFileSync, spawnSync } from 'node:child_process'
import { copyFileSync, mkdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { after, before, describe, it } from 'node:test'
import { hashBody } from '../../../events/chain.ts'
import { BundleBench, codesOf } from '../../support/bundle-bench.ts'
import { buildVerifier } from '../../support/link-verifier.ts'
import { projectRoot } from '../../support/project-root.ts'

type Lines = readonly string[]

let ledger: BundleBench
let foreign: Lines
let whole: Lines
let part: Lines
before(async () => {
  const other = await BundleBench.open([2])
  foreign = await other.export()
  await other.bench.close()
  ledger = await BundleBench.open([4, 3])
  whole = await ledger.export()
  const [call = ''] = whole.flatMap((line) => /"call":"([^"]+)"/.exec(line)?.[1] ?? [])
  part = await ledger.export({ filter: { call } })
})
after(() => ledger.bench.close())

const isEvent = (line: string): boolean => line.startsWith('{"hash"')
const isPayload = (line: string): boolean => line.startsWith('{"payload"')
const nth = (lines: Lines, test: (line: string) => boolean, count: number): number =>
  lines.flatMap((line, at) => (test(line) ? [at] : []))[count] ?? -1
const without = (lines: Lines, at: number): Lines => lines.filter((_, index) => index !== at)
const replaced = (lines: Lines, at: number, make: (line: string) => string): Lines =>
  lines.map((line, index) => (index === at ? make(line) : line))
const manifestWith = (lines: Lines, fields: object): Lines =>
  replaced(lines, 0, (line) => JSON.stringify({ ...(JSON.parse(line) as object), ...fields }))

function swapped(lines: Lines, a: number, b: number): Lines {
  return lines.map((line, at) => (at === a ? lines[b] : at === b ? lines[a] : line) ?? '')
}

/** A body changed, with its own hash made anew. */
function rehashed(line: string): string {
  const body = line.slice(line.indexOf('"body":') + 7, -1).replace('agent:test@host', 'agent:evil@host')
  return line
    .replace(/"hash":"[^"]+"/, `"hash":"${hashBody(Buffer.from(body))}"`)
    .replace(/"body":.*$/, `"body":${body}}`)
}

/** What is done, and what must be found among the violations. */
const ATTACKS: readonly (readonly [string, () => Lines, string])[] = [
  ['a line of an event dropped', () => without(whole, nth(whole, isEvent, 5)), 'event-missing'],
  ['the last event dropped', () => without(whole, whole.findLastIndex(isEvent)), 'event-missing'],
  [
    'a whole gateway dropped',
    () => whole.filter((line) => !line.includes('"writer":"gateway/files"')),
    'event-missing',
  ],
  ['two events exchanged', () => swapped(whole, nth(whole, isEvent, 3), nth(whole, isEvent, 6)), 'checkpoint-conflict'],
  [
    'an event doubled',
    () => whole.flatMap((line, at) => (at === nth(whole, isEvent, 4) ? [line, line] : line)),
    'fork',
  ],
  [
    'an event of another ledger added',
    () => [...whole.slice(0, 3), foreign[2] ?? '', ...whole.slice(3)],
    'tree-damaged',
  ],
  ['the manifest of another ledger', () => [foreign[0] ?? '', ...whole.slice(1)], 'checkpoint-invalid'],
  ['a name of another ledger', () => manifestWith(whole, { log: 'other' }), 'body-invalid'],
  ['a part called whole', () => manifestWith(part, { whole: true }), 'event-missing'],
  ['its checkpoint taken out', () => manifestWith(whole, { checkpoint: '' }), 'checkpoint-invalid'],
  ['a body changed, its hash too', () => replaced(whole, nth(whole, isEvent, 5), rehashed), 'signature-invalid'],
  [
    'a body changed alone',
    () => replaced(whole, nth(whole, isEvent, 5), (line) => line.replace('agent:test', 'agent:evil')),
    'hash-mismatch',
  ],
  [
    'a body that is not canonical',
    () => replaced(whole, nth(whole, isEvent, 5), (line) => line.replace('"body":{', '"body":{ ')),
    'body-invalid',
  ],
  [
    'a signature taken out',
    () => whole.map((line) => line.replace(/"signature":"[^"]+"/, '"signature":""')),
    'signature-missing',
  ],
  [
    'a signature of another append',
    () =>
      replaced(whole, nth(whole, isEvent, 1), (line) =>
        line.replace(/"signature":"[^"]+"/, `"signature":"${'ab'.repeat(164)}"`),
      ),
    'key-untrusted',
  ],
  [
    'a payload of another event',
    () => swapped(whole, nth(whole, isPayload, 0), nth(whole, isPayload, 2)),
    'payload-mismatch',
  ],
  [
    'a payload edited',
    () => replaced(whole, nth(whole, isPayload, 0), (line) => line.replace(/":".{4}/, '":"AAAA')),
    'payload-mismatch',
  ],
  ['a payload dropped', () => without(whole, nth(whole, isPayload, 0)), 'payload-missing'],
  [
    'a payload called erased',
    () => replaced(whole, nth(whole, isPayload, 0), () => `{"erased":"${'0'.repeat(64)}"}`),
    'payload-missing',
  ],
  [
    'a forged hash of skipped leaves',
    () => part.map((line) => (line.startsWith('{"skipped"') ? line.replace(/\["..../, '["0000') : line)),
    'checkpoint-conflict',
  ],
  [
    'other counts of skipped leaves',
    () => part.map((line) => line.replace(/^\{"skipped":\d+/, '{"skipped":3')),
    'tree-damaged',
  ],
  [
    'a statement of a chain dropped',
    () =>
      without(
        whole,
        whole.findIndex((line) => line.startsWith('{"chain"')),
      ),
    'count-mismatch',
  ],
  [
    'a statement of a chain altered',
    () => whole.map((line) => line.replace(/^(\{"chain":.*"last":)\d+/, '$199')),
    'count-mismatch',
  ],
  ['a line after the last', () => [...whole, '{"skipped":1,"hashes":[]}'], 'bundle-invalid'],
  ['a line of nonsense', () => [...whole.slice(0, 4), 'nonsense', ...whole.slice(4)], 'bundle-invalid'],
  [
    'a line that is nested 100,000 deep',
    () => [...whole.slice(0, 4), '['.repeat(100_000), ...whole.slice(4)],
    'bundle-invalid',
  ],
  [
    'a body that is nested too deep',
    () =>
      replaced(
        whole,
        nth(whole, isEvent, 5),
        (line) => `${line.slice(0, -2)},"z":${'['.repeat(5_000)}${']'.repeat(5_000)}}}`,
      ),
    'body-invalid',
  ],
  [
    'a line of two megabytes',
    () => [...whole.slice(0, 4), `"${'x'.repeat(2_000_000)}"`, ...whole.slice(4)],
    'bundle-invalid',
  ],
]

/** Of these the verifier can't say whether somebody meant it. */
const INCOMPLETE: readonly (readonly [string, () => string, string])[] = [
  ['nothing', () => '', 'bundle-empty'],
  ['another file', () => 'PK\u0003\u0004 something else\n', 'bundle-unreadable'],
  ['a bundle without its last line', () => `${whole.slice(0, -1).join('\n')}\n`, 'bundle-truncated'],
  ['a bundle that was cut in a line', () => whole.join('\n').slice(0, 9_000), 'bundle-truncated'],
  ['its first line alone', () => `${whole[0]}\n`, 'bundle-truncated'],
]

describe('a bundle that was tampered with', () => {
  for (const [what, make, code] of ATTACKS)
    it(`is found out, when there is ${what}`, async () => {
      const report = await ledger.verify(make())
      assert.equal(report.verdict, 'tampered', JSON.stringify(report.violations))
      const found = report.violations.find((violation) => violation.code === code)
      assert.ok(found !== undefined, codesOf(report).join())
      assert.ok(found.chain !== '' || (found.position ?? '') !== '' || found.hash !== undefined)
    })

  it('is found out, when it shows an older state than a kept checkpoint', async () => {
    await ledger.bench.storeRun(2)
    await ledger.sequence()
    const kept = [{ name: 'mine', note: (await ledger.bench.reader.checkpoint())?.note ?? '' }]
    const report = await ledger.verify(whole, { kept })
    assert.deepEqual([report.verdict, codesOf(report)], ['tampered', ['checkpoint-conflict']])
  })
})

describe('what is no whole bundle', () => {
  for (const [what, make, code] of INCOMPLETE)
    it(`is incomplete, when it is ${what}`, async () => {
      const report = await ledger.verify(make())
      assert.deepEqual([report.verdict, codesOf(report)], ['incomplete', [code]])
    })
})

describe('the verifier of one file', () => {
  it('says in an empty directory what the command says', () => {
    const directory = join(ledger.bench.data, 'empty')
    mkdirSync(directory)
    copyFileSync(buildVerifier(join(ledger.bench.data, 'verify.mjs')), join(directory, 'verify.mjs'))
    writeFileSync(join(directory, 'policy'), ledger.policy)
    const trust = Object.entries(ledger.bench.keys).flatMap(([role, key]) =>
      'publicKey' in key ? [{ writer: `${role}/*`, key: key.publicKey.toString('base64url') }] : [],
    )
    writeFileSync(join(directory, 'writers.json'), JSON.stringify({ trust }))
    const command = join(projectRoot, 'dist', 'cli', 'main.js')
    const cases: readonly (readonly [number, string])[] = [
      [0, `${whole.join('\n')}\n`],
      [0, `${part.join('\n')}\n`],
      [1, `${ATTACKS[0]?.[1]().join('\n')}\n`],
      [1, `${ATTACKS[15]?.[1]().join('\n')}\n`],
      [2, ''],
    ]
    const flags = ['bundle', '--trust', 'policy', '--writers', 'writers.json', '--not-older-than', '36500d', '--json']
    for (const [code, text] of cases) {
      writeFileSync(join(directory, 'bundle'), text)
      const options = { cwd: directory, encoding: 'utf8', env: { ...processEnvironment() } } as const
      const alone = spawnSync(process.execPath, ['verify.mjs', ...flags], options)
      const ours = spawnSync(process.execPath, [command, 'verify', ...flags], options)
      assert.deepEqual([alone.status, alone.stdout], [code, ours.stdout], alone.stderr + ours.stderr)
      assert.equal(ours.status, code)
    }
  })

  it('imports nothing but what Node has', () => {
    const text = execFileSync('cat', [buildVerifier(join(ledger.bench.data, 'verify.mjs'))], { encoding: 'utf8' })
    const imports = [...text.matchAll(/^import .* from '([^']+)'/gm)].map(([, from = '']) => from)
    assert.ok(imports.length > 0 && imports.every((from) => from.startsWith('node:')))
    assert.ok(!/\bimport\(|require\(/.test(text))
  })
})

/** Nothing of ours. */
function processEnvironment(): NodeJS.ProcessEnv {
  return { PATH: '/usr/bin:/bin' }
}
