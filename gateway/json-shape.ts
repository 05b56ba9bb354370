// The shape of a JSON text without its values: where the members of the outer objects stand as bytes, and whether any
// object names a key twice. JSON.parse keeps the last of two equal keys where other parsers keep the first, so a message
// with both says different things to policy and server.
import { BACKSLASH, CLOSE_ARRAY, CLOSE_OBJECT, COLON, COMMA, OPEN_ARRAY, OPEN_OBJECT, QUOTE } from './json-bytes.ts'

/** Where a value stands in its message, bytes; `end` is exclusive. */
export interface Span {
  readonly start: number
  readonly end: number
}

/** The members of one object, by decoded key. */
export type Members = ReadonlyMap<string, Span>

/** What the scanner found. */
export interface JsonShape {
  /** The members of the outermost object; undefined where the text is not an object. */
  readonly members: Members | undefined
  /** The members of the object under `params`. */
  readonly params: Members | undefined
  /** A key that some object names twice. */
  readonly duplicateKey: string | undefined
  /** A key that the outermost object names twice. */
  readonly duplicateMember: string | undefined
  /** True where values lie deeper than MAX_JSON_DEPTH; the scan ended there, and the rest is not known. */
  readonly isTooDeep: boolean
  /** True where the message has too many values to be built: of `result` there is what stands before a cut. */
  readonly isCut: boolean
}

/** How deep a message may be; Python's parser gives up at about 1,000, and each level costs memory here. */
export const MAX_JSON_DEPTH = 500
/** How many keys a client's message may have: a million distinct ones hold up parser, scanner and all calls for seconds. */
export const MAX_JSON_KEYS = 100_000
/** The shortest member: `"":0`. */
const MIN_MEMBER_BYTES = 4

interface Level {
  readonly isObject: boolean
  /** Which map takes this object's members, if any. */
  readonly members: Map<string, Span> | undefined
  readonly keys: Set<string>
  key: string | undefined
  valueStart: number
}

/** How far a string is read before its end is searched for. */
const NEAR_BYTES = 64
const NO_KEYS = new Set<string>()

/** Whether a text has more than MAX_JSON_KEYS keys. It need not be JSON: this is asked before a parser builds anything. */
export function hasTooManyKeys(text: Buffer): boolean {
  if (text.length <= MAX_JSON_KEYS * MIN_MEMBER_BYTES) return false
  let keys = 0
  for (let index = 0; index < text.length && keys <= MAX_JSON_KEYS; index++) {
    if (text[index] === QUOTE) index = stringEnd(text, index) - 1
    else if (text[index] === COLON) keys++
  }
  return keys > MAX_JSON_KEYS
}

/** Scans a text that JSON.parse has accepted; linear in its size, with memory for keys alone. */
export function scanShape(text: Buffer): JsonShape {
  const scan = new ShapeScan(text)
  return scan.run()
}

/** One pass over one text. */
class ShapeScan {
  readonly #text: Buffer
  readonly #levels: Level[] = []
  #members: Map<string, Span> | undefined
  #params: Map<string, Span> | undefined
  #duplicateKey: string | undefined
  #duplicateMember: string | undefined

  constructor(text: Buffer) {
    this.#text = text
  }

  run(): JsonShape {
    const text = this.#text
    let level: Level | undefined
    for (let index = 0; index < text.length; index++) {
      switch (text[index]) {
        case QUOTE: {
          const end = stringEnd(text, index)
          if (level?.isObject === true && level.key === undefined) this.#takeKey(level, decodeString(text, index, end))
          index = end - 1
          break
        }
        case COLON:
          if (level !== undefined) level.valueStart = index + 1
          break
        case COMMA:
          this.#endMember(level, index)
          break
        case OPEN_OBJECT:
        case OPEN_ARRAY:
          if (this.#levels.length === MAX_JSON_DEPTH) return this.#shape(true)
          level = this.#open(text[index] === OPEN_OBJECT, level)
          break
        case CLOSE_OBJECT:
        case CLOSE_ARRAY:
          this.#endMember(level, index)
          this.#levels.pop()
          level = this.#levels.at(-1)
          break
      }
    }
    return this.#shape(false)
  }

  #open(isObject: boolean, parent: Level | undefined): Level {
    const isParams = this.#levels.length === 1 && parent?.isObject === true && parent.key === 'params'
    const isOutermost = this.#levels.length === 0
    const members = isObject && (isOutermost || isParams) ? new Map<string, Span>() : undefined
    if (isOutermost) this.#members = members
    else if (isParams) this.#params = members
    const level = { isObject, members, keys: isObject ? new Set<string>() : NO_KEYS, key: undefined, valueStart: 0 }
    this.#levels.push(level)
    return level
  }

  #takeKey(level: Level, key: string): void {
    if (level.keys.has(key)) {
      this.#duplicateKey ??= key
      if (this.#levels.length === 1) this.#duplicateMember ??= key
    }
    level.keys.add(key)
    level.key = key
  }

  #endMember(level: Level | undefined, end: number): void {
    if (level?.key === undefined) return
    level.members?.set(level.key, trim(this.#text, level.valueStart, end))
    level.key = undefined
  }

  #shape(isTooDeep: boolean): JsonShape {
    return {
      members: this.#members,
      params: this.#params,
      duplicateKey: this.#duplicateKey,
      duplicateMember: this.#duplicateMember,
      isTooDeep,
      isCut: false,
    }
  }
}

/**
 * Behind the closing quote, or the text's end. Short strings are read byte by byte; searching for the quote passes over a
 * long one at the speed of memory.
 */
export function stringEnd(text: Buffer, start: number): number {
  let index = start + 1
  while (index < text.length) {
    const near = Math.min(index + NEAR_BYTES, text.length)
    for (; index < near; index++) {
      if (text[index] === QUOTE) return index + 1
      if (text[index] === BACKSLASH) index++
    }
    const quote = index < text.length ? text.indexOf(QUOTE, index) : -1
    if (quote === -1) return text.length
    let before = quote
    while (before > index && text[before - 1] === BACKSLASH) before--
    if ((quote - before) % 2 === 0) return quote + 1
    index = quote + 1
  }
  return text.length
}

/** The value of the string between two places, quotes included. */
export function decodeString(text: Buffer, start: number, end: number): string {
  const inner = text.subarray(start + 1, end - 1)
  return inner.includes(BACKSLASH) ? (JSON.parse(text.toString('utf8', start, end)) as string) : inner.toString('utf8')
}

function trim(text: Buffer, start: number, end: number): Span {
  let from = start
  let to = end
  while (from < to && isSpace(text[from])) from++
  while (to > from && isSpace(text[to - 1])) to--
  return { start: from, end: to }
}

function isSpace(byte: number | undefined): boolean {
  return byte === 0x20 || byte === 0x09 || byte === 0x0a || byte === 0x0d
}
