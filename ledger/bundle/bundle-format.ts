// The lines of a bundle (docs/export.md): JSON Lines in the order of the Merkle log's leaves. An event's line holds its exact
// body as nested JSON after a fixed head, so that the bytes can be cut out and hashed as they stand. Pure, no dependencies.
import type { Json } from '../../events/canonical.ts'

/** The first words of a bundle. */
export const BUNDLE_FORMAT = 'toolwarden/bundle/v1'
/** What a bundle is called in a directory. */
export const BUNDLE_FILE = 'toolwarden.bundle.jsonl'
/** The longest line, bytes: a payload of 256 KiB in base64 is the longest honest one, but for a manifest with many names. */
export const MAX_LINE_BYTES = 1024 * 1024

/** The first line: what the bundle says it is. Nothing of it is believed but what a trusted key signed. */
export interface BundleManifest {
  readonly bundle: typeof BUNDLE_FORMAT
  /** Name of the ledger. */
  readonly log: string
  /** The published checkpoint, a signed note. */
  readonly checkpoint: string
  /** The last checkpoint that a quorum cosigned, where there is one. */
  readonly witnessed?: string
  /** True where every leaf is in it with its body. */
  readonly whole: boolean
  /** What was asked for: the fields of the filter. */
  readonly filter: Readonly<Record<string, string>>
  /** Whether payloads are in it. */
  readonly payloads: boolean
  readonly exportedAt: string
  readonly by: string
  /** For people: what this bundle can't show. */
  readonly notProven: readonly string[]
}

/** What a chain has in the bundle. */
export interface ChainStatement {
  readonly chain: string
  readonly first: number
  readonly last: number
  /** With their bodies. */
  readonly events: number
  /** As bare hashes. */
  readonly withheld: number
}

/** The last line: a bundle without it was cut off. */
export interface BundleTotals {
  readonly leaves: number
  readonly events: number
  readonly withheld: number
  readonly payloads: number
  readonly erased: number
  readonly chains: number
}

/** One line after the manifest. */
export type BundleLine =
  | { readonly kind: 'event'; readonly hash: string; readonly signature: string; readonly body: Buffer }
  /** Salt and recorded bytes of the event before it. */
  | { readonly kind: 'payload'; readonly payload: Buffer }
  /** The payload of the event before it was erased; hash of the event that says so. */
  | { readonly kind: 'erased'; readonly by: string }
  | {
      readonly kind: 'withheld'
      readonly hash: string
      readonly signature: string
      readonly chain: string
      readonly sequence: number
    }
  /** Leaves of which nothing is shown: how many, and the hashes of the perfect subtrees that they make up. */
  | { readonly kind: 'skipped'; readonly count: number; readonly hashes: readonly Buffer[] }
  | ({ readonly kind: 'chain' } & ChainStatement)
  | ({ readonly kind: 'end' } & BundleTotals)

const HASH = /^[0-9a-f]{64}$/
const HEAD_BYTES = '{"hash":"'.length + 64 + '","signature":"'.length
/** `signature` is absent or 328 hex digits. */
const EVENT_HEAD = /^\{"hash":"([0-9a-f]{64})","signature":"((?:[0-9a-f]{328})?)","body":/
const MAX_EVENT_HEAD_BYTES = HEAD_BYTES + 328 + '","body":'.length
/** A tree of 2^53 leaves is at most this many subtrees twice over. */
const MAX_SUBTREES = 128

/** The line of an event, with its newline. */
export function eventLine(hash: string, signature: string, body: string | Buffer): string {
  return `{"hash":"${hash}","signature":"${signature}","body":${body.toString('utf8')}}\n`
}

/** Any other line, with its newline. */
export function jsonLine(value: object): string {
  return `${JSON.stringify(value)}\n`
}

/** Reads the first line; undefined for what is no manifest. */
export function parseManifest(line: Buffer): BundleManifest | undefined {
  const value = parseObject(line)
  if (value?.bundle !== BUNDLE_FORMAT) return undefined
  const { log, checkpoint, witnessed, whole, filter, payloads, exportedAt, by, notProven } = value
  const areTexts = [log, checkpoint, exportedAt, by].every((each) => typeof each === 'string')
  const areFlags = [whole, payloads].every((each) => typeof each === 'boolean')
  if (!areTexts || !areFlags || !isTextRecord(filter) || !Array.isArray(notProven)) return undefined
  if (witnessed !== undefined && typeof witnessed !== 'string') return undefined
  if (!notProven.every((each) => typeof each === 'string')) return undefined
  return value as unknown as BundleManifest
}

/** Reads a line; undefined for what is none. Never throws. */
export function parseLine(line: Buffer): BundleLine | undefined {
  return line[2] === 0x68 /* {"h */ ? parseEventLine(line) : parseOther(line)
}

function parseEventLine(line: Buffer): BundleLine | undefined {
  const found = EVENT_HEAD.exec(line.toString('latin1', 0, MAX_EVENT_HEAD_BYTES))
  const [head = '', hash = '', signature = ''] = found ?? []
  if (found === null || line[line.length - 1] !== 0x7d) return undefined
  return { kind: 'event', hash, signature, body: line.subarray(head.length, line.length - 1) }
}

function parseOther(line: Buffer): BundleLine | undefined {
  const value = parseObject(line)
  if (value === undefined) return undefined
  if (typeof value.payload === 'string') return { kind: 'payload', payload: Buffer.from(value.payload, 'base64') }
  if (isHash(value.erased)) return { kind: 'erased', by: value.erased }
  if (value.withheld !== undefined && value.chain !== undefined && isHash(value.withheld)) return parseWithheld(value)
  if (value.skipped !== undefined) return parseSkipped(value)
  if (value.end !== undefined) return parseEnd(value.end)
  return parseChain(value)
}

function parseWithheld({ withheld, signature, chain, sequence }: JsonObject): BundleLine | undefined {
  if (!isHash(withheld) || typeof chain !== 'string' || !isCount(sequence) || typeof signature !== 'string')
    return undefined
  return { kind: 'withheld', hash: withheld, signature, chain, sequence }
}

function parseSkipped({ skipped, hashes }: JsonObject): BundleLine | undefined {
  if (!isCount(skipped) || skipped < 1 || !Array.isArray(hashes) || hashes.length > MAX_SUBTREES) return undefined
  const texts: readonly Json[] = hashes
  if (!texts.every(isHash)) return undefined
  return { kind: 'skipped', count: skipped, hashes: texts.map((hash) => Buffer.from(hash, 'hex')) }
}

function parseChain({ chain, first, last, events, withheld }: JsonObject): BundleLine | undefined {
  if (typeof chain !== 'string' || !isCount(first) || !isCount(last) || !isCount(events) || !isCount(withheld))
    return undefined
  return { kind: 'chain', chain, first, last, events, withheld }
}

function parseEnd(value: Json): BundleLine | undefined {
  if (typeof value !== 'object' || value === null || Array.isArray(value)) return undefined
  const { leaves, events, withheld, payloads, erased, chains } = value as JsonObject
  if (!isCount(leaves) || !isCount(events) || !isCount(withheld)) return undefined
  if (!isCount(payloads) || !isCount(erased) || !isCount(chains)) return undefined
  return { kind: 'end', leaves, events, withheld, payloads, erased, chains }
}

type JsonObject = { readonly [key: string]: Json | undefined }

function parseObject(line: Buffer): JsonObject | undefined {
  try {
    const value = JSON.parse(line.toString('utf8')) as Json
    return typeof value === 'object' && value !== null && !Array.isArray(value) ? (value as JsonObject) : undefined
  } catch {
    // What the parser says of a damaged line says no more than that it is one; deep nesting ends here too.
    return undefined
  }
}

function isHash(value: Json | undefined): value is string {
  return typeof value === 'string' && HASH.test(value)
}

function isCount(value: Json | undefined): value is number {
  return typeof value === 'number' && Number.isSafeInteger(value) && value >= 0
}

function isTextRecord(value: Json | undefined): boolean {
  if (typeof value !== 'object' || value === null || Array.isArray(value)) return false
  return Object.values(value).every((each) => typeof each === 'string')
}
