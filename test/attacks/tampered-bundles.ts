// Row 22: a bundle that somebody changed on its way to the auditor, who verifies it offline with keys and quorum of their own.
import { createHash } from 'node:crypto'
import { hashBody } from '../../events/chain.ts'
import { BundleBench } from '../support/bundle-bench.ts'
import { type AttackCase, observe, type Sighting } from './attack-case.ts'
import { sharedBench } from './ledger-stage.ts'
import { sightingsOf } from './sightings.ts'

type Lines = readonly string[]

/** An honest bundle of two runs, what was asked of one call alone, and one of another ledger of the same name and keys. */
interface Bundles {
  readonly whole: Lines
  readonly part: Lines
  readonly foreign: Lines
}

interface BundleAttack {
  readonly name: string
  readonly mutation: string
  readonly finds: readonly string[]
  /** Works on the bundle of one call. */
  readonly isPart?: boolean
  readonly change: (lines: Lines, bundles: Bundles) => Lines
}

const isEvent = (line: string): boolean => line.startsWith('{"hash"')
const isPayload = (line: string): boolean => line.startsWith('{"payload"')

const nth = (lines: Lines, test: (line: string) => boolean, count: number): number =>
  lines.flatMap((line, at) => (test(line) ? [at] : []))[count] ?? -1
const without = (lines: Lines, at: number): Lines => lines.filter((_, index) => index !== at)
const changed = (lines: Lines, at: number, make: (line: string) => string): Lines =>
  lines.map((line, index) => (index === at ? make(line) : line))
const swapped = (lines: Lines, a: number, b: number): Lines =>
  lines.map((line, at) => (at === a ? lines[b] : at === b ? lines[a] : line) ?? '')
const manifestWith = (lines: Lines, fields: object): Lines =>
  changed(lines, 0, (line) => JSON.stringify({ ...(JSON.parse(line) as object), ...fields }))

/** The cases of this row. */
export function bundleCases(): readonly AttackCase[] {
  return [...ATTACKS.map(bundleCase), oldState()]
}

function rehashed(line: string): string {
  const body = line.slice(line.indexOf('"body":') + 7, -1).replace('agent:test@host', 'agent:evil@host')
  const hash = hashBody(Buffer.from(body))
  return line.replace(/"hash":"[^"]+"/, `"hash":"${hash}"`).replace(/"body":.*$/, `"body":${body}}`)
}

const ATTACKS: readonly BundleAttack[] = [
  {
    name: 'a line dropped',
    mutation: 'the line of the sixth event removed',
    finds: ['gap-open @ gateway/files 6', 'event-missing @ line 48', 'tree-damaged @ the published checkpoint'],
    change: (lines) => without(lines, nth(lines, isEvent, 5)),
  },
  {
    name: 'the last event dropped',
    mutation: 'the line of the last event removed',
    finds: ['event-missing @ ledger/main 1', 'tree-damaged @ the published checkpoint'],
    change: (lines) => without(lines, lines.findLastIndex(isEvent)),
  },
  {
    name: 'a gateway dropped',
    mutation: 'every line of the gateway removed',
    finds: ['tree-damaged @ the published checkpoint'],
    change: (lines) => lines.filter((line) => !line.includes('"writer":"gateway/files"')),
  },
  {
    name: 'lines reordered',
    mutation: 'the lines of the fourth and the seventh event exchanged',
    finds: [
      'signature-invalid @ gateway/files 7',
      'signature-invalid @ gateway/files 4',
      'checkpoint-conflict @ the published checkpoint',
    ],
    change: (lines) => swapped(lines, nth(lines, isEvent, 3), nth(lines, isEvent, 6)),
  },
  {
    name: 'a foreign event added',
    mutation: 'the line of an event of another ledger put in',
    finds: ['signature-invalid @ gateway/files 2', 'tree-damaged @ the published checkpoint'],
    change: (lines, { foreign }) => [...lines.slice(0, 3), foreign[2] ?? '', ...lines.slice(3)],
  },
  {
    name: 'the manifest swapped',
    mutation: 'the first line replaced by that of another ledger',
    finds: ['checkpoint-invalid @ the published checkpoint'],
    change: (lines, { foreign }) => [foreign[0] ?? '', ...lines.slice(1)],
  },
  {
    name: 'another name in the manifest',
    mutation: 'the manifest says that the events are of another ledger',
    finds: ['body-invalid @ gateway/files 1', 'key-untrusted @ gateway/files 2'],
    change: (lines) => manifestWith(lines, { log: 'other' }),
  },
  {
    name: 'a part called whole',
    mutation: 'the manifest of an export of one call says that nothing was left out',
    finds: ['event-missing @ line 10'],
    isPart: true,
    change: (lines) => manifestWith(lines, { whole: true }),
  },
  {
    name: 'a withheld hash exchanged',
    mutation: 'a bare hash that stands for withheld events replaced',
    finds: ['checkpoint-conflict @ the published checkpoint'],
    isPart: true,
    change: (lines) => lines.map((line) => (line.startsWith('{"skipped"') ? line.replace(/\["..../, '["0000') : line)),
  },
  {
    name: 'the checkpoint removed',
    mutation: 'the checkpoint of the manifest emptied',
    finds: ['checkpoint-invalid @ the published checkpoint'],
    change: (lines) => manifestWith(lines, { checkpoint: '' }),
  },
  {
    name: 'a body changed',
    mutation: 'the body of the sixth event changed',
    finds: ['hash-mismatch @ gateway/files 6', 'checkpoint-conflict @ the published checkpoint'],
    change: (lines) => changed(lines, nth(lines, isEvent, 5), (line) => line.replace('agent:test', 'agent:evil')),
  },
  {
    name: 'a body and its hash changed',
    mutation: 'the body of the sixth event changed, its hash with it',
    finds: [
      'signature-invalid @ gateway/files 7',
      'link-broken @ gateway/files 7',
      'checkpoint-conflict @ the published checkpoint',
    ],
    change: (lines) => changed(lines, nth(lines, isEvent, 5), rehashed),
  },
  {
    name: 'signatures stripped',
    mutation: 'every signature removed',
    finds: ['signature-missing @ gateway/files 14', 'signature-missing @ ledger/main 2'],
    change: (lines) => lines.map((line) => line.replace(/"signature":"[^"]+"/, '"signature":""')),
  },
  {
    name: 'payloads swapped',
    mutation: 'the payloads of two events exchanged',
    finds: ['payload-mismatch @ gateway/files 3', 'payload-mismatch @ gateway/files 6'],
    change: (lines) => swapped(lines, nth(lines, isPayload, 0), nth(lines, isPayload, 2)),
  },
  {
    name: 'a payload called erased',
    mutation: 'a payload replaced by an erasure that no event tells of',
    finds: ['payload-missing @ its hash', 'count-mismatch @ line 49'],
    change: (lines) => changed(lines, nth(lines, isPayload, 0), () => `{"erased":"${'0'.repeat(64)}"}`),
  },
  {
    name: 'cut off',
    mutation: 'the last line removed',
    finds: ['bundle-truncated @ line 48'],
    change: (lines) => lines.slice(0, -1),
  },
]

let prepared: Promise<{ readonly ledger: BundleBench; readonly bundles: Bundles }> | undefined

/** Exports once: a bundle and the auditor's policy need the ledger no more. */
function prepare(): NonNullable<typeof prepared> {
  prepared ??= (async () => {
    const bench = await sharedBench()
    const foreign = await (await BundleBench.open([2], bench)).export()
    const ledger = await BundleBench.open([4, 3], bench)
    const whole = await ledger.export()
    const [call = ''] = whole.flatMap((line) => /"call":"([^"]+)"/.exec(line)?.[1] ?? [])
    return { ledger, bundles: { whole, foreign, part: await ledger.export({ filter: { call } }) } }
  })()
  return prepared
}

function bundleCase({ change, finds, isPart = false, ...text }: BundleAttack): AttackCase {
  return {
    row: 22,
    ...text,
    seenBy: 'bundle verifier',
    finds,
    run: async () => {
      const { ledger, bundles } = await prepare()
      let lines = isPart ? bundles.part : bundles.whole
      const look = async (): Promise<readonly Sighting[]> => sightingsOf((await ledger.verify(lines)).violations)
      return await observe({ look, fingerprint: async () => digestOf(lines) }, () => {
        lines = change(lines, bundles)
      })
    },
  }
}

/** An honest bundle of last week, shown to somebody who has seen more. */
function oldState(): AttackCase {
  return {
    row: 22,
    name: 'an old checkpoint',
    mutation: 'a bundle of before the last run, where the auditor kept the checkpoint after it',
    seenBy: 'bundle verifier',
    finds: ['checkpoint-conflict @ mine'],
    exactly: true,
    run: async () => {
      const ledger = await BundleBench.open([4], await sharedBench())
      const old = await ledger.export()
      await ledger.bench.storeRun(2)
      await ledger.sequence()
      const kept = [{ name: 'mine', note: (await ledger.bench.reader.checkpoint())?.note ?? '' }]
      let lines: Lines = await ledger.export()
      const look = async () => sightingsOf((await ledger.verify(lines, { kept })).violations)
      return await observe({ look, fingerprint: async () => digestOf(lines) }, () => {
        lines = old
      })
    },
  }
}

function digestOf(lines: Lines): string {
  return createHash('sha256').update(lines.join('\n')).digest('hex')
}
