// Reads a server's message that has too many values and keys to be built as objects: a parser takes seconds for a million
// keys, and the loop stands still meanwhile. One pass over the bytes finds what the gateway decides by (the outer members,
// `isError`) and where the text can be cut, so that what comes before the cut is parsed, and signals come from that. Of a message
// of many bytes long strings are shortened in the same way: else its text would be in memory three times.

import { CLOSE_ARRAY, CLOSE_OBJECT, OPEN_OBJECT } from './json-bytes.ts'
import { type JsonShape, MAX_JSON_DEPTH, type Span, stringEnd } from './json-shape.ts'

/** How many values and keys a server's message may have to be built whole. */
export const MAX_PARSED_TOKENS = 200_000
/** Above so many bytes a server's message is read in part whatever it holds. */
export const MAX_PARSED_BYTES = 16 * 1024 * 1024
/** How much of one string is read then, bytes: more than signals look at. */
const MAX_STRING_BYTES = 2 * 1024 * 1024
/** No escape of a character is longer, bytes: two of UTF-16. */
const MAX_ESCAPE_BYTES = 12
const BACKSLASH = 0x5c
/** How many members the outermost object may have; every message of MCP has four. */
const MAX_MEMBERS = 100
/** A key of the outer objects as it stands, and a member that is read although it lies behind the cut, bytes. */
const MAX_KEY_BYTES = 1_024
const MAX_LATE_BYTES = 4_096

/** What was read of a message. */
export interface LargeMessage {
  /** The members, of `result` as many as lie before the cut; what lies behind it and is long is an empty object. */
  readonly value: Record<string, unknown>
  readonly shape: JsonShape
}

const BAD = 0
const SPACE = 1
const PLAIN = 2
const QUOTE = 3
const OPEN = 4
const CLOSE = 5
const COMMA = 6
const COLON = 7
/** What a byte outside strings is; what JSON has not there (NaN, comments, other quotes) is BAD. */
const KINDS = kindsOf({
  [SPACE]: ' \t\n\r',
  [PLAIN]: '0123456789+-.eEtrufalsn',
  [QUOTE]: '"',
  [OPEN]: '{[',
  [CLOSE]: '}]',
  [COMMA]: ',',
  [COLON]: ':',
})

/** Whether a text has more values and keys than a limit. It need not be JSON: this is asked before a parser builds anything. */
export function hasMoreTokens(text: Buffer, limit: number): boolean {
  if (text.length <= limit) return false
  let tokens = 0
  for (let index = 0; index < text.length && tokens <= limit; index++) {
    const kind = KINDS[text[index] ?? 0] ?? BAD
    if (kind === QUOTE) index = stringEnd(text, index) - 1
    else if (kind >= OPEN && kind !== CLOSE) tokens++
  }
  return tokens > limit
}

/** Reads a text of many tokens; undefined where it is not one JSON object of the form that messages have. */
export function readLargeMessage(text: Buffer): LargeMessage | undefined {
  const scan = new LargeScan(text)
  const isWhole = scan.run()
  return isWhole ? scan.message() : undefined
}

/** One pass over one text. */
class LargeScan {
  readonly #text: Buffer
  /** Closing brackets of what is open, outermost first. */
  readonly #open: number[] = []
  readonly #members = new Map<string, Span>()
  #duplicate: string | undefined
  /** The key of the outermost object whose value is being read, and where that value began; undefined before its colon. */
  #key: string | undefined
  #valueStart: number | undefined
  /** Whether a string is a key where it stands; asked in the outermost object and in `result` only. */
  #isKeyNext = true
  /** Where the value of `isError` begins that was read last. */
  #isErrorStart: number | undefined
  /** Rests of long strings that are not read, in order. */
  readonly #skipped: Span[] = []
  #tokens = 0
  #cut: { readonly end: number; readonly closing: string } | undefined
  #isOver = false

  constructor(text: Buffer) {
    this.#text = text
  }

  /** False where it is no JSON object, or one that is not to be read. */
  run(): boolean {
    const text = this.#text
    for (let index = 0; index < text.length; index++) {
      const kind = KINDS[text[index] ?? 0] ?? BAD
      if (kind === SPACE) continue
      if (this.#isOver || kind === BAD) return false
      if (this.#open.length === 0 && text[index] !== OPEN_OBJECT) return false
      if (kind === PLAIN) continue
      if (kind === QUOTE) {
        const end = stringEnd(text, index)
        if (this.#open.length <= 2 && this.#isKeyNext && !this.#takeKey(index, end)) return false
        if (end - index > MAX_STRING_BYTES) this.#shorten(index, end)
        index = end - 1
      } else if (!this.#takeMark(kind, index)) return false
    }
    return this.#isOver && this.#members.size <= MAX_MEMBERS
  }

  /** The message, its members parsed as far as they lie before the cut. Undefined where that is not JSON. */
  message(): LargeMessage | undefined {
    const { end, closing } = this.#cut ?? { end: this.#text.length, closing: '' }
    try {
      const value = JSON.parse(`${this.#textTo(end)}${closing}`) as Record<string, unknown>
      for (const [key, span] of this.#members) if (span.end > end) value[key] = this.#late(value[key], span)
      this.#setError(value.result)
      return { value, shape: this.#shape() }
    } catch (error) {
      if (error instanceof SyntaxError) return undefined
      throw error
    }
  }

  /** Skips the rest of a string, up to its closing quote; never within a character or its escape. */
  #shorten(start: number, end: number): void {
    const text = this.#text
    if (text.length <= MAX_PARSED_BYTES) return
    let from = start + MAX_STRING_BYTES
    while (from > start && text.subarray(from - MAX_ESCAPE_BYTES, from).includes(BACKSLASH)) from -= MAX_ESCAPE_BYTES
    while (from > start && ((text[from] ?? 0) & 0xc0) === 0x80) from--
    this.#skipped.push({ start: Math.max(from, start + 1), end: end - 1 })
  }

  /** The text before a place, without what is skipped. */
  #textTo(end: number): string {
    let from = 0
    const parts: string[] = []
    for (const skipped of this.#skipped) {
      if (skipped.end > end) break
      parts.push(this.#text.toString('utf8', from, skipped.start))
      from = skipped.end
    }
    return [...parts, this.#text.toString('utf8', from, end)].join('')
  }

  /** A member that the cut goes through stays as far as it was read. */
  #late(read: unknown, { start, end }: Span): unknown {
    if (read !== undefined) return read
    return end - start > MAX_LATE_BYTES ? {} : JSON.parse(this.#text.toString('utf8', start, end))
  }

  #setError(result: unknown): void {
    if (this.#isErrorStart === undefined || typeof result !== 'object' || result === null) return
    const start = this.#isErrorStart
    const isTrue = this.#text
      .toString('latin1', start, start + 8)
      .trimStart()
      .startsWith('true')
    Object.assign(result, { isError: isTrue })
  }

  #shape(): JsonShape {
    return {
      members: this.#members,
      params: undefined,
      duplicateKey: this.#duplicate,
      duplicateMember: this.#duplicate,
      isTooDeep: false,
      isCut: this.#cut !== undefined || this.#skipped.length > 0,
    }
  }

  #takeMark(kind: number, index: number): boolean {
    switch (kind) {
      case OPEN:
        return this.#opened(index)
      case CLOSE:
        return this.#closed(index)
      case COMMA:
        return this.#ended(index)
      default:
        return this.#colon(index)
    }
  }

  #opened(index: number): boolean {
    if (this.#open.length === MAX_JSON_DEPTH) return false
    const isObject = this.#text[index] === OPEN_OBJECT
    this.#open.push(isObject ? CLOSE_OBJECT : CLOSE_ARRAY)
    this.#isKeyNext = isObject
    this.#tokens++
    return true
  }

  #closed(index: number): boolean {
    if (this.#open.length === 1) this.#endMember(index)
    if (this.#open.pop() !== this.#text[index]) return false
    this.#isOver = this.#open.length === 0
    this.#isKeyNext = false
    return true
  }

  #ended(index: number): boolean {
    const depth = this.#open.length
    if (depth === 1) this.#endMember(index)
    this.#isKeyNext = this.#open[depth - 1] === CLOSE_OBJECT
    // Before a comma every value is complete: what is open needs but its brackets to be JSON.
    if (++this.#tokens > MAX_PARSED_TOKENS && this.#cut === undefined)
      this.#cut = { end: index, closing: String.fromCharCode(...this.#open.toReversed()) }
    return true
  }

  #colon(index: number): boolean {
    this.#tokens++
    if (this.#open.length !== 1) return true
    if (this.#key === undefined || this.#valueStart !== undefined) return false
    this.#valueStart = index + 1
    return true
  }

  #endMember(end: number): void {
    if (this.#key === undefined || this.#valueStart === undefined) return
    if (this.#members.has(this.#key)) this.#duplicate = this.#key
    this.#members.set(this.#key, trim(this.#text, this.#valueStart, end))
    this.#key = undefined
    this.#valueStart = undefined
  }

  /** False where the text is not to be read. */
  #takeKey(start: number, end: number): boolean {
    this.#isKeyNext = false
    if (this.#open.length === 1) {
      if (end - start > MAX_KEY_BYTES || this.#key !== undefined || this.#members.size > MAX_MEMBERS) return false
      this.#key = keyOf(this.#text, start, end)
      return this.#key !== undefined
    }
    if (this.#key === 'result' && isKeyOfError(this.#text, start, end))
      this.#isErrorStart = behindColon(this.#text, end)
    return true
  }
}

/** `isError` stands in nine bytes, with an escape in fourteen or more. */
function isKeyOfError(text: Buffer, start: number, end: number): boolean {
  const length = end - start
  if (length === 9) return text.toString('latin1', start + 1, end - 1) === 'isError'
  return length >= 14 && length <= 44 && text[start + 1] === 0x5c && keyOf(text, start, end) === 'isError'
}

function behindColon(text: Buffer, start: number): number {
  const colon = text.indexOf(0x3a, start)
  return colon === -1 ? text.length : colon + 1
}

function keyOf(text: Buffer, start: number, end: number): string | undefined {
  try {
    return JSON.parse(text.toString('utf8', start, end)) as string
  } catch (error) {
    if (error instanceof SyntaxError) return undefined
    throw error
  }
}

function trim(text: Buffer, start: number, end: number): Span {
  let [from, to] = [start, end]
  while (from < to && KINDS[text[from] ?? 0] === SPACE) from++
  while (to > from && KINDS[text[to - 1] ?? 0] === SPACE) to--
  return { start: from, end: to }
}

function kindsOf(characters: Readonly<Record<number, string>>): Uint8Array {
  const kinds = new Uint8Array(256)
  for (const [kind, text] of Object.entries(characters))
    for (const character of text) kinds[character.charCodeAt(0)] = Number(kind)
  return kinds
}
