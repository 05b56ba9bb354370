// Signals: what detection needs of arguments and results and nothing else: keyed HMACs, counts and sizes, no text.
// Pure, and used by gateway, detectors and evaluation alike. Taken before redaction.
import { z } from 'zod'
import { canonicalBytes, type Json, parseCanonical } from './canonical.ts'
import { ToolwardenError } from './errors.ts'
import { addressingPassage, countMarkers, MAX_MARKERS, type MarkerClassifier } from './instruction-markers.ts'
import { keyedHmac } from './keyed-hmac.ts'
import { MAX_SIGNALS_BYTES } from './record.ts'
import { findSecrets } from './redact.ts'
import {
  findDestinations,
  findNames,
  findNumbers,
  findProperNames,
  findTokens,
  isDestination,
  isOwnDestination,
  MAX_SIGNAL_TEXT,
  normaliseToken,
  spelledOut,
} from './signal-text.ts'
import { TOOL_CLASSES, type ToolClass } from './tool-class.ts'

/** The most HMACs of one kind. */
export const MAX_SIGNAL_VALUES = 200
/** How deep values are looked into. */
const MAX_SIGNAL_DEPTH = 32

/** The most value tokens of a result, and of all arguments together. */
const MAX_RESULT_VALUES = 500
const MAX_ARGUMENT_VALUES = 100
const MAX_ARGUMENTS = 24
const MAX_SECRETS = 16
const MAX_REFERENCES = 24
const MAX_ADDRESSED = 100
const MAX_TARGETS = 50
const MIN_VALUE_LENGTH = 3
const MAX_VALUE_LENGTH = 600
const MAX_VALUE_WORDS = 4
/** What a text can set apart as a name, characters. */
const MAX_NAME_LENGTH = 64

const hmacField = z.string().regex(/^[A-Za-z0-9_-]{22}$/)
/** 66 bits: enough to compare values by, and short enough for hundreds of them. */
const shortHmacField = z.string().regex(/^[A-Za-z0-9_-]{11}$/)
const firstForm = {
  toolClass: z.enum(TOOL_CLASSES),
  /** HMACs of the names of what the call is about: paths, ids, addresses. */
  objects: z.array(hmacField).max(MAX_SIGNAL_VALUES),
  /** HMACs of e-mail addresses, hosts and account numbers. */
  destinations: z.array(hmacField).max(MAX_SIGNAL_VALUES),
  /** Size of the text that was looked through, characters. */
  textLength: z.number().int().nonnegative(),
  /** True where a limit cut something off. */
  truncated: z.boolean(),
}
const signalsObject = z.strictObject({
  v: z.literal(2),
  ...firstForm,
  /** For each destination, in their order: the HMAC of its site; of itself, where it is an address or an account. */
  sites: z.array(shortHmacField).max(MAX_SIGNAL_VALUES),
  /** Indexes of the destinations that lie in the deployment's own domains. */
  own: z.array(z.number().int().nonnegative()).max(MAX_SIGNAL_VALUES),
  /** Of arguments, the first of them: the HMACs of their identifier-like values, by the HMAC of the argument's name. */
  fields: z
    .array(z.strictObject({ name: shortHmacField, values: z.array(shortHmacField).max(MAX_ARGUMENT_VALUES) }))
    .max(MAX_ARGUMENTS),
  /** Of a result: the HMACs of its identifier-like tokens. They compare with those of arguments. */
  values: z.array(shortHmacField).max(MAX_RESULT_VALUES),
  /** HMACs of what looks like a secret; they compare with `values`. */
  secrets: z.array(shortHmacField).max(MAX_SECRETS),
  /** How many phrases address an agent rather than a reader. */
  markers: z.number().int().min(0).max(MAX_MARKERS),
  /** Of a result that addresses an agent: the HMACs of what those passages name. They compare with those of arguments. */
  addressed: z.array(shortHmacField).max(MAX_ADDRESSED).optional(),
  /** Of such a result: indexes of the destinations in those passages. */
  targets: z.array(z.number().int().nonnegative()).max(MAX_TARGETS).optional(),
  /** Of arguments: the HMACs of the names at the ends of paths. They compare with `values`: a file that a result named. */
  references: z.array(shortHmacField).max(MAX_REFERENCES).optional(),
})
/** As older gateways wrote them: what they did not take is empty. */
const firstSignals = z
  .strictObject({ v: z.literal(1), ...firstForm })
  .transform((first): z.infer<typeof signalsObject> => {
    return { ...first, v: 2, sites: [], own: [], fields: [], values: [], secrets: [], markers: 0 }
  })
const anySignals = z.union([signalsObject, firstSignals])

/** What detection knows of one call's arguments or of its result. */
export type Signals = z.infer<typeof signalsObject>

/** Reads the `signals` header. Throws EVENT_INVALID. */
export function parseSignals(bytes: Uint8Array): Signals {
  const result = anySignals.safeParse(parseCanonical(bytes, MAX_SIGNALS_BYTES))
  if (!result.success)
    throw new ToolwardenError('EVENT_INVALID', 'signals of an unknown form', { where: 'header signals' })
  return result.data
}

/** The bytes of the `signals` header. */
export function signalsBytes(signals: Signals): Buffer {
  return canonicalBytes(signals, MAX_SIGNALS_BYTES)
}

const OBJECT_KEY =
  /^(?:paths?|files?|file_?names?|file_?paths?|dir|directory|folder|source|destination|ur[il]s?|link|resource|ids?|name|title|key|.*_(?:ids?|path|file|name|ur[il])|.*[a-z](?:Ids?|Path|File|Name|Ur[il]))$/
/** Arguments that say how much is wanted, not of what. */
const PAGING_KEY =
  /^(?:head|tail|limit|offset|page|per_?page|page_?size|cursor|start|end|count|max_?results|line_?numbers?)$/i

/** What a deployment says of itself. */
export interface SignalOptions {
  /** Domains whose addresses and hosts are the deployment's own. */
  readonly ownDomains?: readonly string[]
  /** What counts the phrases that address an agent; countMarkers, unless told. */
  readonly markers?: MarkerClassifier
}

/**
 * The signals of a call's arguments. What no object's name says counts as one more object: else `{id: 1}` beside a customer's
 * address would make every address the same read.
 */
export function argumentSignals(key: Buffer, toolClass: ToolClass, value: Json, options: SignalOptions = {}): Signals {
  const strings: string[] = []
  const objects: string[] = []
  const others: string[] = []
  const named = new Map<string, Set<string>>()
  const spelled: string[] = []
  const whole = collect(value, '', 0, (name, text) => {
    strings.push(text)
    const address = spelledOut(name, text)
    if (address !== undefined) spelled.push(address)
    if (isObjectKey(name)) objects.push(normaliseObject(text))
    else if (!PAGING_KEY.test(name)) others.push(`${name}\n${text}`)
    const values = named.get(name) ?? new Set<string>()
    for (const token of argumentTokens(name, text)) values.add(token)
    named.set(name, values)
  })
  const rest = others.length > 0 ? [JSON.stringify(others.toSorted())] : []
  const about = objects.length + rest.length > 0 || !whole ? [...objects, ...rest] : [JSON.stringify(value)]
  const base = buildSignals(key, { toolClass, objects: about, strings, spelled, whole }, options)
  let room = MAX_ARGUMENT_VALUES
  const copied = [...named].slice(0, MAX_ARGUMENTS).map(([name, tokens]) => {
    const values = [...tokens].slice(0, room).map((token) => shortHmac(key, 'value', token))
    room -= values.length
    return { name: shortHmac(key, 'name', name), values }
  })
  const references = strings.flatMap(referencesOf).slice(0, MAX_REFERENCES)
  const signals = { ...base, fields: copied }
  if (references.length === 0) return signals
  return { references: references.map((name) => shortHmac(key, 'value', name)), ...signals }
}

/** The signals of a result: its destinations, values and secrets, and what addresses an agent. */
export function resultSignals(key: Buffer, toolClass: ToolClass, value: Json, options: SignalOptions = {}): Signals {
  const strings: string[] = []
  const whole = collect(value, '', 0, (_, text) => strings.push(text))
  const base = buildSignals(key, { toolClass, objects: [], strings, whole }, options)
  const text = strings.join('\n').slice(0, MAX_SIGNAL_TEXT)
  // One more than fits, so that it shows where something was cut off.
  const [identifiers, names] = [findTokens, findNames].map((find) => find(text, MAX_RESULT_VALUES + 1))
  const short = (names ?? []).filter((name) => name.split(' ').length <= MAX_VALUE_WORDS)
  const tokens = [...new Set([...(identifiers ?? []), ...short])]
  const markers = Math.min(MAX_MARKERS, (options.markers ?? countMarkers)(text))
  const passage = markers === 0 ? '' : addressingPassage(text)
  const addressed = namedIn(passage)
  const targets = targetsIn(key, passage, base.destinations)
  const room = MAX_RESULT_VALUES - addressed.length - targets.length
  const signals = {
    ...base,
    values: tokens.slice(0, room).map((token) => shortHmac(key, 'value', token)),
    markers,
    truncated: base.truncated || tokens.length > room,
  }
  if (markers === 0) return signals
  return {
    ...(addressed.length === 0 ? {} : { addressed: addressed.map((token) => shortHmac(key, 'value', token)) }),
    ...(targets.length === 0 ? {} : { targets }),
    ...signals,
  }
}

/** Identifiers, however short, names that are set apart, and names as a sentence has them. */
function namedIn(passage: string): readonly string[] {
  const finders = [findTokens, findNames, findProperNames, findNumbers]
  return [...new Set(finders.flatMap((find) => find(passage, MAX_ADDRESSED)))].slice(0, MAX_ADDRESSED)
}

/** Which of the destinations a passage names, by their indexes. */
function targetsIn(key: Buffer, passage: string, destinations: readonly string[]): number[] {
  if (passage === '') return []
  const named = new Set(findDestinations(passage).map(({ name }) => signalHmac(key, 'destination', name)))
  return destinations.flatMap((each, index) => (named.has(each) ? [index] : [])).slice(0, MAX_TARGETS)
}

/** The keyed HMAC of one normalised value, 128 bits in base64url; kinds never collide. */
export function signalHmac(key: Buffer, kind: 'object' | 'destination', value: string): string {
  const whole = Buffer.from(keyedHmac(key, `toolwarden/signal/v1\n${kind}\n${value}`), 'base64url')
  return whole.subarray(0, 16).toString('base64url')
}

/** The keyed HMAC of a value, a name or a site, 66 bits in base64url. */
function shortHmac(key: Buffer, kind: 'value' | 'name' | 'site', value: string): string {
  return keyedHmac(key, `toolwarden/signal/v2\n${kind}\n${value}`).slice(0, 11)
}

interface Looked {
  readonly toolClass: ToolClass
  readonly objects: readonly string[]
  readonly strings: readonly string[]
  /** Destinations that are spelled otherwise there. */
  readonly spelled?: readonly string[]
  /** False where something lay too deep to be visited. */
  readonly whole: boolean
}

function buildSignals(
  key: Buffer,
  { toolClass, objects, strings, spelled = [], whole }: Looked,
  options: SignalOptions,
): Signals {
  const all = strings.join('\n')
  const text = all.slice(0, MAX_SIGNAL_TEXT)
  const distinctObjects = [...new Set(objects)]
  const found = findDestinations(spelled.length === 0 ? text : [text, ...spelled].join('\n'))
  const destinations = found.slice(0, MAX_SIGNAL_VALUES)
  const secrets = findSecrets(text)
    .map((secret) => normaliseToken(secret))
    .filter((secret) => secret !== '')
  // In the order of canonical JSON, so that they are written without a sort.
  return {
    destinations: destinations.map(({ name }) => signalHmac(key, 'destination', name)),
    fields: [],
    markers: 0,
    objects: distinctObjects.slice(0, MAX_SIGNAL_VALUES).map((object) => signalHmac(key, 'object', object)),
    own: destinations.flatMap(({ name }, index) => (isOwnDestination(name, options.ownDomains ?? []) ? [index] : [])),
    secrets: [...new Set(secrets)].slice(0, MAX_SECRETS).map((secret) => shortHmac(key, 'value', secret)),
    sites: destinations.map(({ site }) => shortHmac(key, 'site', site)),
    textLength: all.length,
    toolClass,
    truncated:
      !whole ||
      text.length < all.length ||
      distinctObjects.length > MAX_SIGNAL_VALUES ||
      found.length > MAX_SIGNAL_VALUES,
    v: 2,
    values: [],
  }
}

/**
 * A short value counts as a whole, however plain, and the name of an object however short. A longer one is content: what it
 * mentions is no target of the call.
 */
function argumentTokens(name: string, text: string): readonly string[] {
  const token = normaliseToken(text)
  if (token === '' || text.length > MAX_VALUE_LENGTH || isDestination(text)) return []
  if (token.length < MIN_VALUE_LENGTH) return isObjectKey(name) ? [token] : []
  const whole = text.length <= MAX_NAME_LENGTH || text.split(/\s+/).length <= MAX_VALUE_WORDS ? [token] : []
  return text.split(/\s+/).length > MAX_VALUE_WORDS ? whole : [...new Set([...whole, ...findTokens(text)])]
}

/** The parts of a path or an address that a result may have named by themselves. */
function referencesOf(text: string): readonly string[] {
  if (text.length > MAX_VALUE_LENGTH || /\s/.test(text)) return []
  const parts = text.split(/[/\\?#&=]/)
  return parts.length < 2 ? [] : [...new Set(parts.flatMap((part) => findTokens(part)))]
}

function isObjectKey(name: string): boolean {
  return OBJECT_KEY.test(name) || OBJECT_KEY.test(name.toLowerCase())
}

function normaliseObject(text: string): string {
  const plain = text
    .trim()
    .normalize('NFC')
    .replace(/\/(?:\.?\/)+/g, '/')
  return plain.length > 1 ? plain.replace(/\/\.?$/, '') : plain
}

/**
 * Visits every string and number with the nearest key above it; an array's items go by the array's key.
 * Returns false where something lay too deep to be visited.
 */
function collect(value: Json, name: string, depth: number, visit: (name: string, text: string) => void): boolean {
  if (value === null || typeof value === 'boolean') return true
  if (depth > MAX_SIGNAL_DEPTH) return false
  if (typeof value === 'string') visit(name, value)
  else if (typeof value === 'number') visit(name, String(value))
  else {
    const items: readonly (readonly [string, Json])[] = Array.isArray(value)
      ? (value as readonly Json[]).map((item) => [name, item] as const)
      : Object.entries(value)
    return items.reduce((whole, [key, item]) => collect(item, key, depth + 1, visit) && whole, true)
  }
  return true
}
