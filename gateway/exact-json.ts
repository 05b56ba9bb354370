// A JSON text as a tree that loses nothing, and its exact canonical form: keys sorted by UTF-16 code units as in RFC 8785,
// strings in one spelling, but number tokens as they stand (a double makes 9007199254740993 and …992 one value), equal keys
// all kept in their order (parsers differ in which of them counts), and strings that are not UTF-8 as their bytes.
import { isUtf8 } from 'node:buffer'
import { CLOSE_ARRAY, CLOSE_OBJECT, COLON, COMMA, OPEN_ARRAY, OPEN_OBJECT, QUOTE } from './json-bytes.ts'
import { decodeString, stringEnd } from './json-shape.ts'

/** A string: its value, and its one spelling. */
export interface ExactString {
  readonly type: 'string'
  readonly value: string
  readonly text: string
}

/** A value of a JSON text. */
export type ExactNode =
  | ExactString
  /** A number, `true`, `false` or `null`, as its token. */
  | { readonly type: 'token'; readonly text: string }
  | { readonly type: 'array'; readonly items: readonly ExactNode[] }
  | { readonly type: 'object'; readonly members: readonly ExactMember[] }

/** A member of an object. */
export interface ExactMember {
  readonly key: ExactString
  readonly value: ExactNode
}

/** Reads a text that JSON.parse has accepted and whose depth is bounded (MAX_JSON_DEPTH). */
export function readExact(bytes: Buffer): ExactNode {
  return new ExactReader(bytes).value()
}

/** The canonical text; two JSON texts have the same one only if every parser reads the same from both. */
export function exactText(node: ExactNode): string {
  switch (node.type) {
    case 'string':
    case 'token':
      return node.text
    case 'array':
      return `[${node.items.map(exactText).join(',')}]`
    case 'object': {
      // The sort is stable: equal keys stay in the order in which they stand.
      const sorted = node.members.toSorted(
        (a, b) => compare(a.key.value, b.key.value) || compare(a.key.text, b.key.text),
      )
      return `{${sorted.map(({ key, value }) => `${key.text}:${exactText(value)}`).join(',')}}`
    }
  }
}

/** Every value under a key of an object, in order; none where the node is no object. */
export function membersOf(node: ExactNode | undefined, key: string): readonly ExactNode[] {
  if (node?.type !== 'object') return []
  return node.members.filter((member) => member.key.value === key).map(({ value }) => value)
}

/** All strings of a value, keys left out. */
export function textsOf(node: ExactNode): readonly string[] {
  switch (node.type) {
    case 'string':
      return [node.value]
    case 'token':
      return []
    case 'array':
      return node.items.flatMap(textsOf)
    case 'object':
      return node.members.flatMap(({ value }) => textsOf(value))
  }
}

function compare(a: string, b: string): number {
  return a < b ? -1 : a > b ? 1 : 0
}

/** One pass over one text. */
class ExactReader {
  readonly #bytes: Buffer
  #at = 0

  constructor(bytes: Buffer) {
    this.#bytes = bytes
  }

  value(): ExactNode {
    this.#skipSpace()
    switch (this.#bytes[this.#at]) {
      case QUOTE:
        return this.#string()
      case OPEN_ARRAY:
        return { type: 'array', items: this.#list(CLOSE_ARRAY, () => this.value()) }
      case OPEN_OBJECT:
        return { type: 'object', members: this.#list(CLOSE_OBJECT, () => this.#member()) }
      default:
        return this.#token()
    }
  }

  #list<Item>(close: number, read: () => Item): readonly Item[] {
    const items: Item[] = []
    this.#at++
    this.#skipSpace()
    while (this.#at < this.#bytes.length && this.#bytes[this.#at] !== close) {
      items.push(read())
      this.#skipSpace()
      if (this.#bytes[this.#at] === COMMA) this.#at++
      this.#skipSpace()
    }
    this.#at++
    return items
  }

  #member(): ExactMember {
    const key = this.#string()
    this.#skipSpace()
    if (this.#bytes[this.#at] === COLON) this.#at++
    return { key, value: this.value() }
  }

  #string(): ExactString {
    const start = this.#at
    this.#at = stringEnd(this.#bytes, start)
    const raw = this.#bytes.subarray(start, this.#at)
    const value = decodeString(this.#bytes, start, this.#at)
    // Bytes that are no text would all become U+FFFD; no JSON begins as this spelling does.
    return { type: 'string', value, text: isUtf8(raw) ? JSON.stringify(value) : `x${raw.toString('hex')}` }
  }

  #token(): ExactNode {
    const start = this.#at
    while (this.#at < this.#bytes.length && !endsToken(this.#bytes[this.#at])) this.#at++
    return { type: 'token', text: this.#bytes.toString('latin1', start, this.#at) }
  }

  #skipSpace(): void {
    while (isSpace(this.#bytes[this.#at])) this.#at++
  }
}

function endsToken(byte: number | undefined): boolean {
  return byte === COMMA || byte === CLOSE_ARRAY || byte === CLOSE_OBJECT || isSpace(byte)
}

function isSpace(byte: number | undefined): boolean {
  return byte === 0x20 || byte === 0x09 || byte === 0x0a || byte === 0x0d
}
