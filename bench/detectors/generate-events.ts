// Events of many principals and sessions, as verified and with signals, whose sizes are those of recorded sessions: seven
// calls a session, seven values and one destination a result on average, a tail of thirty and nine. Seeded.
import { hash as digestOf } from 'node:crypto'
import type { ObservedEvent } from '../../detectors/detector.ts'
import { ZERO_HASH } from '../../events/chain.ts'
import type { Signals } from '../../events/signals.ts'
import { formatTime, uuidv7 } from '../../events/time.ts'
import { toolClassOf } from '../../events/tool-class.ts'
import { seededRandom } from '../../test/support/random.ts'

/** How many there are. */
export interface Population {
  readonly principals: number
  /** Sessions that are under way at once. */
  readonly sessions: number
  readonly calls: number
}

/** An event and the log's time of it, milliseconds. */
export interface Moment {
  readonly observed: ObservedEvent
  readonly nowMs: number
}

const START_MS = Date.UTC(2026, 0, 5)
const CALLS_A_SESSION = 7
/** Three days and more: the baselines grow up meanwhile. */
const SPAN_MS = 5 * 24 * 60 * 60 * 1000
const SERVERS = 12
const SERVERS_A_SESSION = 3
const TOOLS = [
  'read_file',
  'search_items',
  'get_record',
  'list_entries',
  'send_message',
  'update_record',
  'delete_entry',
]
/** Values and destinations that come again and again. */
const COMMON = 20_000

/** The events of a population in the order of the log: propose, decide and receipt of each call. */
export function* generateEvents({ principals, sessions, calls }: Population): Generator<Moment> {
  const random = seededRandom(20_261_122)
  const under: Session[] = []
  let opened = 0
  const open = (): Session => {
    const principal = `agent:p${opened < principals ? opened : Math.floor(random() * principals)}`
    opened++
    const servers = Array.from({ length: SERVERS_A_SESSION }, () => `server-${Math.floor(random() * SERVERS)}`)
    return { id: `session-${opened}`, principal, servers, left: 1 + Math.floor(random() * (2 * CALLS_A_SESSION - 1)) }
  }
  for (let index = 0; index < sessions; index++) under.push(open())
  for (let index = 0; index < calls; index++) {
    const place = Math.floor(random() * under.length)
    const session = under[place] ?? open()
    session.left--
    if (session.left <= 0) under[place] = open()
    yield* callOf(session, { index, nowMs: START_MS + Math.floor((index / calls) * SPAN_MS), random })
  }
}

type Random = () => number

interface Session {
  readonly id: string
  readonly principal: string
  readonly servers: readonly string[]
  left: number
}

function* callOf(
  { id: session, principal, servers }: Session,
  { index, nowMs, random }: { readonly index: number; readonly nowMs: number; readonly random: Random },
): Generator<Moment> {
  const server = servers[Math.floor(random() * servers.length)] ?? 'server-0'
  const tool = TOOLS[Math.floor(random() * TOOLS.length)] ?? 'read_file'
  const call = uuidv7(nowMs * 1000 + index, Buffer.alloc(10, index % 251))
  const connection = '019aabcd-0000-7000-8000-000000000001'
  const hash = (leg: string): string => digestOf('sha256', `${index} ${leg}`, 'hex')
  const told = (leg: string, fields: object, signals?: Signals): Moment => {
    const place = { v: 1, log: 'bench', writer: `gateway/${server}`, instance: connection, sequence: index * 3 + 1 }
    const context = { call, session, principal, server, tool, connection, principalSource: 'declared', client: 'bench' }
    const event = { previous: ZERO_HASH, id: call, time: formatTime(nowMs * 1000), ...place, ...context, ...fields }
    const chain = `gateway/${server}/${connection}`
    const observed = { event, hash: hash(leg), chain, ...(signals === undefined ? {} : { signals }) }
    // As from a log: nothing of one event is a part of another's.
    return { observed: JSON.parse(JSON.stringify(observed)) as ObservedEvent, nowMs }
  }
  const payload = { bytes: 200, commitment: ZERO_HASH, record: 'commitment' }
  const digest = { argumentsDigest: hash('arguments'), signalsDigest: ZERO_HASH }
  const asked = { type: 'authorization/propose', method: 'tools/call', arguments: payload, ...digest }
  yield told('propose', asked, argumentsOf(tool, random))
  const control = { state: 'fresh', revision: 0 }
  const decided = { decision: 'allow', reason: 'policy_rule', text: '', control, parent: hash('propose') }
  yield told('decide', { type: 'authorization/decide', ...decided })
  const receipt = { type: 'authorization/receipt', status: 'ok', durationMicros: 1, parent: hash('decide') }
  yield told('receipt', receipt, resultOf(tool, random))
}

function argumentsOf(tool: string, random: Random): Signals {
  const values = Array.from({ length: Math.floor(random() * 3) }, () => shortName('value', random))
  return {
    ...emptySignals(tool),
    objects: [longName('object', random)],
    ...(random() < 0.3 ? destinations(1, random) : {}),
    fields: values.length === 0 ? [] : [{ name: shortOf(`field ${tool}`), values }],
  }
}

function resultOf(tool: string, random: Random): Signals {
  const share = random()
  const count = share < 0.5 ? 1 : share < 0.9 ? Math.floor(2 + random() * 18) : Math.floor(20 + random() * 20)
  return {
    ...emptySignals(tool),
    ...destinations(share < 0.6 ? 0 : share < 0.95 ? 2 : 9, random),
    values: [...new Set(Array.from({ length: count }, () => shortName('value', random)))],
  }
}

function destinations(count: number, random: Random): Pick<Signals, 'destinations' | 'sites'> {
  const found = Array.from({ length: count }, () => longName('destination', random))
  return { destinations: found, sites: found.map((each) => each.slice(0, 11)) }
}

function emptySignals(tool: string): Signals {
  const nothing = { objects: [], destinations: [], sites: [], own: [], fields: [], values: [], secrets: [] }
  return { v: 2, toolClass: toolClassOf(tool), textLength: 400, truncated: false, markers: 0, ...nothing }
}

/** What share of names is common: with these, results arm rules as often as recorded ones do, three for two results. */
const COMMON_SHARES = { object: 0.67, destination: 0.88, value: 0.88 } as const

function longName(kind: keyof typeof COMMON_SHARES, random: Random): string {
  const number = random() < COMMON_SHARES[kind] ? Math.floor(random() * COMMON) : Math.floor(COMMON + random() * 1e9)
  return digestOf('sha256', `${kind} ${number}`, 'base64url').slice(0, 22)
}

function shortName(kind: keyof typeof COMMON_SHARES, random: Random): string {
  return longName(kind, random).slice(0, 11)
}

function shortOf(text: string): string {
  return digestOf('sha256', text, 'base64url').slice(0, 11)
}
