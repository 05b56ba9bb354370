// Signals: what detection needs of arguments and results and nothing else: keyed HMACs, counts and sizes, no text.
// Pure, and used by gateway, detectors and evaluation alike. Taken before redaction.
import { createHmac } from 'node:crypto'
import { z } from 'zod'
import { canonicalBytes, type Json, parseCanonical } from './canonical.ts'
import { ToolwardenError } from './errors.ts'
import { MAX_SIGNALS_BYTES } from './record.ts'
import { TOOL_CLASSES, type ToolClass } from './tool-class.ts'

/** The most HMACs of one kind. */
export const MAX_SIGNAL_VALUES = 200
/** How much text is looked through for destinations, characters. */
export const MAX_SIGNAL_TEXT = 1024 * 1024
/** How deep values are looked into. */
const MAX_SIGNAL_DEPTH = 32

const hmacField = z.string().regex(/^[A-Za-z0-9_-]{22}$/)
const signalsObject = z.strictObject({
  v: z.literal(1),
  toolClass: z.enum(TOOL_CLASSES),
  /** HMACs of the names of what the call is about: paths, ids, addresses. */
  objects: z.array(hmacField).max(MAX_SIGNAL_VALUES),
  /** HMACs of e-mail addresses, hosts and account numbers. */
  destinations: z.array(hmacField).max(MAX_SIGNAL_VALUES),
  /** Size of the text that was looked through, characters. */
  textLength: z.number().int().nonnegative(),
  /** True where a limit cut something off. */
  truncated: z.boolean(),
})

/** What detection knows of one call's arguments or of its result. */
export type Signals = z.infer<typeof signalsObject>

/** Reads the `signals` header. Throws EVENT_INVALID. */
export function parseSignals(bytes: Uint8Array): Signals {
  const result = signalsObject.safeParse(parseCanonical(bytes, MAX_SIGNALS_BYTES))
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
// The @ comes first, so that text without one costs nothing.
const EMAIL = /@(?<=([A-Za-z0-9._%+-]{1,64})@)([A-Za-z0-9](?:[A-Za-z0-9.-]{0,252}[A-Za-z0-9])?)/g
// What stands before the last @ is no host, however long it is (WHATWG URL, authority state; a backslash ends it as a slash does).
const HOST = /\b[a-z][a-z0-9+.-]{1,15}:\/\/(?:[^\s/?#\\"'<>]*@)?([A-Za-z0-9.-]{1,253})|\bwww\.([A-Za-z0-9.-]{1,249})/gi
const ACCOUNT = /\b[A-Z]{2}\d{2}[A-Z0-9]{11,30}\b/g

/** The signals of a call's arguments. Where no argument names an object, the arguments as a whole count as one. */
export function argumentSignals(key: Buffer, toolClass: ToolClass, value: Json): Signals {
  const strings: string[] = []
  const objects: string[] = []
  const whole = collect(value, '', 0, (name, text) => {
    strings.push(text)
    if (OBJECT_KEY.test(name)) objects.push(normaliseObject(text))
  })
  const named = objects.length > 0 || !whole ? objects : [JSON.stringify(value)]
  return buildSignals(key, toolClass, named, { text: strings.join('\n'), whole })
}

/** The signals of a result: destinations in its text. */
export function resultSignals(key: Buffer, toolClass: ToolClass, value: Json): Signals {
  const strings: string[] = []
  const whole = collect(value, '', 0, (_, text) => strings.push(text))
  return buildSignals(key, toolClass, [], { text: strings.join('\n'), whole })
}

/** The keyed HMAC of one normalised value, 128 bits in base64url; kinds never collide. */
export function signalHmac(key: Buffer, kind: 'object' | 'destination', value: string): string {
  return createHmac('sha256', key)
    .update(`toolwarden/signal/v1\n${kind}\n${value}`)
    .digest()
    .subarray(0, 16)
    .toString('base64url')
}

function buildSignals(
  key: Buffer,
  toolClass: ToolClass,
  objects: readonly string[],
  seen: { readonly text: string; readonly whole: boolean },
): Signals {
  const text = seen.text.slice(0, MAX_SIGNAL_TEXT)
  const distinctObjects = [...new Set(objects)]
  const destinations = [...new Set(findDestinations(text))]
  return {
    v: 1,
    toolClass,
    objects: distinctObjects.slice(0, MAX_SIGNAL_VALUES).map((object) => signalHmac(key, 'object', object)),
    destinations: destinations
      .slice(0, MAX_SIGNAL_VALUES)
      .map((destination) => signalHmac(key, 'destination', destination)),
    textLength: seen.text.length,
    truncated:
      !seen.whole ||
      text.length < seen.text.length ||
      distinctObjects.length > MAX_SIGNAL_VALUES ||
      destinations.length > MAX_SIGNAL_VALUES,
  }
}

function findDestinations(text: string): string[] {
  const emails = Array.from(text.matchAll(EMAIL), ([, name, host]) => `${name}@${host}`.toLowerCase())
  const hosts = Array.from(text.matchAll(HOST), ([, host, www]) =>
    (host ?? www ?? '').toLowerCase().replace(/^www\.|\.+$/g, ''),
  )
  const accounts = Array.from(text.matchAll(ACCOUNT), ([account]) => account)
  return [...emails, ...hosts.filter((host) => host !== ''), ...accounts]
}

function normaliseObject(text: string): string {
  const plain = text.normalize('NFC').replace(/\/(?:\.?\/)+/g, '/')
  return plain.length > 1 ? plain.replace(/\/$/, '') : plain
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
