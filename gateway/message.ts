// One MCP message as bytes, read so that it can be understood in one way only (JSON-RPC 2.0; MCP 2025-11-25, base protocol).
// What a server might read otherwise than the policy does is refused here, before anything else looks at it.
import { isAscii } from 'node:buffer'
import {
  hasTooManyKeys,
  type JsonShape,
  MAX_JSON_DEPTH,
  MAX_JSON_KEYS,
  type Members,
  type Span,
  scanShape,
} from './json-shape.ts'
import { hasMoreTokens, MAX_PARSED_BYTES, MAX_PARSED_TOKENS, readLargeMessage } from './large-message.ts'
import { DECIDED_METHODS } from './method-table.ts'

/** A request id; `1` is not `"1"`. */
export type RequestId = string | number

/** A message that reads in one way only. */
export type Message =
  | {
      readonly kind: 'request'
      readonly id: RequestId
      readonly method: string
      readonly value: MessageValue
      readonly shape: JsonShape
    }
  | { readonly kind: 'notification'; readonly method: string; readonly value: MessageValue; readonly shape: JsonShape }
  | { readonly kind: 'response'; readonly id: RequestId; readonly value: MessageValue; readonly shape: JsonShape }

/** The parsed outermost object. */
export type MessageValue = Readonly<Record<string, unknown>>

/** Why a message is refused: a JSON-RPC error code and a text; the id where it could be read. */
export interface Unreadable {
  readonly kind: 'unreadable'
  readonly code: -32700 | -32600
  readonly reason: string
  readonly id?: RequestId
}

/** The longest id, characters: ids are kept until they are answered. */
export const MAX_ID_LENGTH = 1_024

/** How many values and keys a client's message may have: millions of empty lists hold up all calls for seconds. */
const MAX_CLIENT_TOKENS = 500_000
/** In a large message of a server: how many parts between carriage returns are looked into, and how long each may be. */
const MAX_LARGE_PARTS = 1_000
const MAX_PART_LENGTH = 64 * 1024

const PARSE_ERROR = -32700
const INVALID_REQUEST = -32600
/** Protected keys by their folded form. */
const MESSAGE_KEYS = foldedKeys('jsonrpc', 'id', 'method', 'params', 'result', 'error')
const PARAMS_KEYS = foldedKeys('name', 'arguments', 'uri', 'task', '_meta', 'requestId')
/** The methods that the gateway decides something by. */
const KNOWN_METHODS = new Map([...DECIDED_METHODS, 'notifications/cancelled'].map((method) => [fold(method), method]))
/** A byte order mark is refused by name, so the decoder must let it through. */
const UTF8 = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true })

/** Reads a message of a client, with every refusal of "Fail closed on what can't be read one way only". */
export function readClientMessage(bytes: Buffer): Message | Unreadable {
  const parsed = parseObject(bytes)
  if (parsed.refused !== undefined) return parsed.refused
  const object = parsed.value
  const shape = scanShape(bytes)
  const { id, method } = object
  const known = shape.duplicateMember !== 'id' && isRequestId(id) ? { id } : {}
  const refuse = (reason: string): Unreadable => ({ kind: 'unreadable', code: INVALID_REQUEST, reason, ...known })
  const problem = shapeProblem(shape)
  if (problem !== undefined) return refuse(problem)
  if ('id' in object && !isRequestId(id))
    return refuse(`an id is an integer or a string of ${MAX_ID_LENGTH} characters`)
  const isAnswer = 'result' in object || 'error' in object
  if (method === undefined)
    return isRequestId(id) && isAnswer
      ? { kind: 'response', id, value: object, shape }
      : refuse('neither a request nor an answer')
  if (typeof method !== 'string' || !method.isWellFormed()) return refuse('a method is a string')
  if (isAnswer) return refuse('both a method and a result')
  const alike = KNOWN_METHODS.get(fold(method))
  if (alike !== undefined && alike !== method) return refuse(`a method that could be read as "${alike}"`)
  return isRequestId(id)
    ? { kind: 'request', id, method, value: object, shape }
    : { kind: 'notification', method, value: object, shape }
}

/** What makes the shape of a message one that parsers read differently. */
function shapeProblem({ members, params, duplicateKey, isTooDeep }: JsonShape): string | undefined {
  if (isTooDeep) return `more than ${MAX_JSON_DEPTH} levels`
  if (duplicateKey !== undefined) return 'a key stands twice in one object'
  const lookAlike = findLookAlike(members, MESSAGE_KEYS) ?? findLookAlike(params, PARAMS_KEYS)
  return lookAlike === undefined ? undefined : `a key that could be read as "${lookAlike}"`
}

/**
 * Reads a message of a server as the most lenient client would. `foreign` is a line that no client takes for a message,
 * `suspect` one that some client might take for an answer although it can't be read here: NaN, a batch, a hidden line.
 */
export function readServerMessage(bytes: Buffer): Message | 'foreign' | 'suspect' {
  if (bytes.length > MAX_PARSED_BYTES || hasMoreTokens(bytes, MAX_PARSED_TOKENS)) return readLargeServerMessage(bytes)
  const text = bytes.toString(isAscii(bytes) ? 'latin1' : 'utf8')
  let parsed: unknown
  try {
    parsed = JSON.parse(text)
  } catch (error) {
    if (!(error instanceof SyntaxError)) throw error
    return hidesMessage(text) ? 'suspect' : 'foreign'
  }
  const value = asObject(parsed)
  if (value === undefined) return Array.isArray(parsed) && parsed.some(asObject) ? 'suspect' : 'foreign'
  const shape = scanShape(bytes)
  if (isSuspect(shape, value) || hasMessageBetweenReturns(text)) return 'suspect'
  return serverMessage(value, shape)
}

/** What has too many values, or bytes, to be built is read in part; what could not be read so could still be a message to somebody. */
function readLargeServerMessage(bytes: Buffer): Message | 'foreign' | 'suspect' {
  const large = readLargeMessage(bytes)
  if (large === undefined) return hidesMessage(bytes.toString('utf8')) ? 'suspect' : 'foreign'
  const { value, shape } = large
  if (isSuspect(shape, value) || (bytes.includes(0x0d) && mayHaveMessageBetweenReturns(bytes))) return 'suspect'
  return serverMessage(value, shape)
}

function serverMessage(value: MessageValue, shape: JsonShape): Message | 'foreign' | 'suspect' {
  const { id, method } = value
  if (typeof method === 'string')
    return isRequestId(id)
      ? { kind: 'request', id, method, value, shape }
      : { kind: 'notification', method, value, shape }
  if (shape.members?.has('id') !== true) return 'foreign'
  return isRequestId(id) ? { kind: 'response', id, value, shape } : 'suspect'
}

/** An answer to one client that is none, or another one, to the next: an outer key twice, in another case, or of both kinds. */
function isSuspect({ members, duplicateMember, isTooDeep }: JsonShape, value: MessageValue): boolean {
  if (isTooDeep || duplicateMember !== undefined || findLookAlike(members, MESSAGE_KEYS) !== undefined) return true
  return typeof value.method === 'string' && ('result' in value || 'error' in value)
}

/** The exact bytes of a member of `params`. */
export function paramBytes(bytes: Buffer, shape: JsonShape, key: string): Buffer | undefined {
  const span: Span | undefined = shape.params?.get(key)
  return span === undefined ? undefined : bytes.subarray(span.start, span.end)
}

/** The exact bytes of an outermost member. */
export function memberBytes(bytes: Buffer, shape: JsonShape, key: string): Buffer | undefined {
  const span = shape.members?.get(key)
  return span === undefined ? undefined : bytes.subarray(span.start, span.end)
}

/** The key under which an id is looked up: type and value. */
export function idKey(id: RequestId): string {
  return `${typeof id}:${id}`
}

/** Object members of a value that may be anything. */
export function asObject(value: unknown): MessageValue | undefined {
  return typeof value === 'object' && value !== null && !Array.isArray(value) ? (value as MessageValue) : undefined
}

type Parsed = { readonly value: MessageValue; readonly refused?: undefined } | { readonly refused: Unreadable }

function parseObject(bytes: Buffer): Parsed {
  const refuse = (code: Unreadable['code'], reason: string): Parsed => ({
    refused: { kind: 'unreadable', code, reason },
  })
  let text: string
  try {
    // Most messages are ASCII, which is seen and taken over at the speed of memory.
    text = isAscii(bytes) ? bytes.toString('latin1') : UTF8.decode(bytes)
  } catch (error) {
    if (error instanceof TypeError) return refuse(PARSE_ERROR, 'not UTF-8')
    throw error
  }
  if (text.startsWith('\ufeff')) return refuse(PARSE_ERROR, 'a byte order mark before the message')
  // A raw CR ends a line for some servers: one `ping` line with a `tools/call` between two CRs executed the tool.
  if (bytes.includes(0x0d)) return refuse(PARSE_ERROR, 'a carriage return inside a line')
  if (hasTooManyKeys(bytes)) return refuse(INVALID_REQUEST, `more than ${MAX_JSON_KEYS} keys`)
  if (hasMoreTokens(bytes, MAX_CLIENT_TOKENS)) return refuse(INVALID_REQUEST, `more than ${MAX_CLIENT_TOKENS} values`)
  try {
    const value: unknown = JSON.parse(text)
    if (Array.isArray(value)) return refuse(INVALID_REQUEST, 'batches are not part of MCP')
    const object = asObject(value)
    return object === undefined ? refuse(INVALID_REQUEST, 'not a JSON object') : { value: object }
  } catch (error) {
    if (error instanceof SyntaxError) return refuse(PARSE_ERROR, 'not one complete JSON object')
    throw error
  }
}

/** Whether a client that ends lines at a raw CR, which is white space in JSON, would find a message of its own inside. */
function hasMessageBetweenReturns(text: string): boolean {
  if (!text.includes('\r')) return false
  return text.split('\r').some(isObjectText)
}

/** The same of a large message, where no more is parsed than a message of usual size has. */
function mayHaveMessageBetweenReturns(bytes: Buffer): boolean {
  const parts = bytes.toString('utf8').split('\r').filter(looksLikeMessage)
  return parts.length > MAX_LARGE_PARTS || parts.some((part) => part.length > MAX_PART_LENGTH || isObjectText(part))
}

function isObjectText(part: string): boolean {
  try {
    return typeof JSON.parse(part) === 'object'
  } catch {
    // Not a message by itself: that is what is asked here.
    return false
  }
}

/**
 * Text that is not JSON here, yet names an id where a message would: Python reads NaN and guesses UTF-16, some clients end
 * lines at a raw CR.
 */
function hidesMessage(text: string): boolean {
  return text.replaceAll('\0', '').split('\r').some(looksLikeMessage)
}

function looksLikeMessage(part: string): boolean {
  return /^[\s\ufeff\ufffd]*[[{]/.test(part) && /"id"|\\u00/.test(part)
}

function isRequestId(id: unknown): id is RequestId {
  if (typeof id === 'string') return id.length <= MAX_ID_LENGTH && id.isWellFormed()
  return typeof id === 'number' && Number.isSafeInteger(id)
}

/** The protected key that another key of the object could be taken for; `__proto__` can become any of them. */
function findLookAlike(members: Members | undefined, keys: ReadonlyMap<string, string>): string | undefined {
  for (const key of members?.keys() ?? []) {
    if (keys.get(key) === key) continue
    const known = keys.get(fold(key))
    if (known !== undefined && known !== key) return known
    if (key === '__proto__') return 'method'
  }
  return undefined
}

function foldedKeys(...keys: readonly string[]): ReadonlyMap<string, string> {
  return new Map(keys.map((key) => [fold(key), key]))
}

/** As lenient parsers compare: without case, Unicode variants, blanks, NUL, other control characters, `_` and `-`. */
function fold(text: string): string {
  return text
    .normalize('NFKC')
    .toLowerCase()
    .replace(/[\p{C}\p{Z}_-]/gu, '')
}
