// A made-up history for benches: agents that read and write files, search, browse, mail and pay, in sessions that overlap.
// Everything comes from the seed. Sizes are those of real calls: most arguments under 200 bytes, some of several kilobytes.
import type { RecordedCall } from '../../ledger/recorded-call.ts'
import { seededRandom } from '../../test/support/random.ts'

const START_MS = Date.UTC(2026, 0, 5)
/** A call every 2.6 seconds on average: a million in a month. */
const MEAN_PAUSE_MS = 2_600
const SESSION_CALLS = 40
const PRINCIPALS = 50

type Random = () => number

interface Tool {
  readonly server: string
  readonly tool: string
  readonly make: (random: Random) => object
}

const TOOLS: readonly Tool[] = [
  { server: 'files', tool: 'read_file', make: (random) => ({ path: pathOf(random) }) },
  { server: 'files', tool: 'list_directory', make: (random) => ({ path: `/srv/project-${digit(random)}/src` }) },
  { server: 'files', tool: 'write_file', make: (random) => ({ path: pathOf(random), content: textOf(random) }) },
  { server: 'web', tool: 'fetch', make: (random) => ({ url: `https://${hostOf(random)}/page/${digit(random)}?q=a` }) },
  {
    server: 'web',
    tool: 'search',
    make: (random) => ({ query: textOf(random).slice(0, 40), limit: 1 + digit(random) }),
  },
  {
    server: 'mail',
    tool: 'send_email',
    make: (random) => ({ to: [`user${digit(random)}@example.com`], body: textOf(random) }),
  },
  {
    server: 'bank',
    tool: 'pay',
    make: (random) => ({ recipient: `AT${digit(random)}`, amount: 1 + digit(random) * 10 }),
  },
  { server: 'tracker', tool: 'get_issue', make: (random) => ({ number: Math.floor(random() * 5_000) }) },
]

/** Makes calls one by one, oldest first. */
export function* generateCalls(count: number, seed: number): Generator<RecordedCall> {
  const random = seededRandom(seed)
  let timeMs = START_MS
  for (let place = 0; place < count; place += 1) {
    timeMs += Math.ceil(random() * 2 * MEAN_PAUSE_MS)
    const { server, tool, make } = pick(TOOLS, random)
    const value = make(random)
    const who = Math.floor(random() * PRINCIPALS)
    const decision = random() < 0.9 ? 'allow' : random() < 0.7 ? 'deny' : 'escalate'
    yield {
      ...{ call: uuidOf(place), timeMs, principal: `agent:${who}@host`, client: 'bench', server, tool },
      session: `session-${who}-${Math.floor(place / (SESSION_CALLS * PRINCIPALS))}`,
      method: 'tools/call',
      arguments: recordedOf(value, random),
      argumentsDigest: undefined,
      decided: {
        decision,
        reason: decision === 'escalate' ? 'needs_approval' : 'policy_rule',
        rule: 'old',
        observed: undefined,
        final: decision,
      },
      status: decision === 'allow' ? 'ok' : decision === 'deny' ? 'none' : 'pending',
    }
  }
}

/** Nineteen of twenty are recorded whole. */
function recordedOf(value: object, random: Random): RecordedCall['arguments'] {
  return random() < 0.05 ? { state: 'commitment' } : { state: 'full', value, text: JSON.stringify(value) }
}

/** The id of the call at a place. */
export function uuidOf(place: number): string {
  return `019b8e00-0000-7000-8000-${place.toString(16).padStart(12, '0')}`
}

function pathOf(random: Random): string {
  return `/srv/project-${digit(random)}/src/module-${digit(random)}/file-${Math.floor(random() * 100)}.ts`
}

function hostOf(random: Random): string {
  return random() < 0.8 ? `docs${digit(random)}.example.com` : `site-${Math.floor(random() * 500)}.example.net`
}

function textOf(random: Random): string {
  const words = random() < 0.02 ? 800 : 5 + Math.floor(random() * 40)
  return Array.from({ length: words }, () => pick(WORDS, random)).join(' ')
}

const WORDS = [
  'the',
  'report',
  'of',
  'last/next',
  'week',
  'is',
  'ready',
  'v1.2',
  'and',
  'sent',
  'to',
  'all@example.com',
]

function digit(random: Random): number {
  return Math.floor(random() * 10)
}

function pick<Item>(items: readonly Item[], random: Random): Item {
  const item = items[Math.floor(random() * items.length)]
  if (item === undefined) throw new RangeError('nothing to pick from')
  return item
}
