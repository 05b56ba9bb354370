// Reads JSON as clients' configuration files hold it (RFC 8259, with // and /* */ comments, trailing commas and a byte order
// mark, as VS Code reads it) into spans of the text, so that an edit leaves everything around it as it is.
// What could be read in two ways, such as a key that stands twice, is refused.
import { ToolwardenError } from '../../events/errors.ts'

/** A part of the text: UTF-16 offsets, `end` excluded. */
interface Span {
  readonly start: number
  readonly end: number
}
/** A value and where it stands. */
export type JsonNode = JsonObject | JsonArray | JsonString | JsonLiteral
/** An object with its members in the order of the text. */
export interface JsonObject extends Span {
  readonly type: 'object'
  readonly members: readonly JsonMember[]
}
/** One key and its value. */
export interface JsonMember {
  readonly key: string
  readonly keySpan: Span
  readonly value: JsonNode
}
/** An array. */
export interface JsonArray extends Span {
  readonly type: 'array'
  readonly items: readonly JsonNode[]
}
/** A string, decoded. */
export interface JsonString extends Span {
  readonly type: 'string'
  readonly value: string
}
interface JsonLiteral extends Span {
  readonly type: 'literal'
}

const MAX_DEPTH = 200
const BLANKS = /[ \t\r\n]*(?:(?:\/\/[^\r\n]*|\/\*[\s\S]*?\*\/)[ \t\r\n]*)*/y
// Unrolled, so that a string that never ends is refused in linear time.
const STRING = /"[^"\\\n\r]*(?:\\.[^"\\\n\r]*)*"/y
const LITERAL = /(?:true|false|null|-?(?:0|[1-9]\d*)(?:\.\d+)?(?:[eE][+-]?\d+)?)(?![\w.+-])/y

interface Cursor {
  readonly text: string
  at: number
  depth: number
}

/** Reads a whole text. Throws CONFIG_INVALID naming `where:line:column`, without quoting the text. */
export function parseJsonText(text: string, where: string): JsonNode {
  const cursor: Cursor = { text, at: text.startsWith('\uFEFF') ? 1 : 0, depth: 0 }
  try {
    const node = readValue(cursor)
    skipBlanks(cursor)
    if (cursor.at < text.length) throw new SyntaxError('nothing may follow the value')
    return node
  } catch (error) {
    // JSON.parse of one string throws it too; its message quotes the string, which may be a secret.
    if (!(error instanceof SyntaxError)) throw error
    const lines = text.slice(0, cursor.at).split(/\r\n|\r|\n/)
    const place = `${where}:${lines.length}:${(lines.at(-1)?.length ?? 0) + 1}`
    const message = error.message.startsWith('expected') || error.message.includes('may') ? error.message : 'bad escape'
    throw new ToolwardenError('CONFIG_INVALID', `the file is not JSON: ${message}`, {
      where: place,
      fix: 'mend the file; nothing was changed',
    })
  }
}

function readValue(cursor: Cursor): JsonNode {
  skipBlanks(cursor)
  const start = cursor.at
  const first = cursor.text.charAt(start)
  if (first === '{') return { type: 'object', start, members: readMembers(cursor), end: cursor.at }
  if (first === '[') return { type: 'array', start, items: readItems(cursor), end: cursor.at }
  if (first === '"') return readString(cursor)
  if (match(cursor, LITERAL) === undefined) throw new SyntaxError('expected a value')
  return { type: 'literal', start, end: cursor.at }
}

function readMembers(cursor: Cursor): readonly JsonMember[] {
  const members: JsonMember[] = []
  const keys = new Set<string>()
  readList(cursor, '}', () => {
    const { value: key, start, end } = readString(cursor)
    if (keys.has(key)) throw new SyntaxError('a key may stand only once')
    keys.add(key)
    skipBlanks(cursor)
    if (cursor.text.charAt(cursor.at) !== ':') throw new SyntaxError('expected a colon')
    cursor.at++
    members.push({ key, keySpan: { start, end }, value: readValue(cursor) })
  })
  return members
}

function readItems(cursor: Cursor): readonly JsonNode[] {
  const items: JsonNode[] = []
  readList(cursor, ']', () => items.push(readValue(cursor)))
  return items
}

/** From the opening bracket past the closing one; a comma may stand before that. */
function readList(cursor: Cursor, close: string, readOne: () => void): void {
  if (++cursor.depth > MAX_DEPTH) throw new SyntaxError(`values may be nested ${MAX_DEPTH} deep`)
  cursor.at++
  skipBlanks(cursor)
  while (cursor.text.charAt(cursor.at) !== close) {
    readOne()
    skipBlanks(cursor)
    if (cursor.text.charAt(cursor.at) === ',') cursor.at++
    else if (cursor.text.charAt(cursor.at) !== close) throw new SyntaxError(`expected a comma or ${close}`)
    skipBlanks(cursor)
  }
  cursor.at++
  cursor.depth--
}

function readString(cursor: Cursor): JsonString {
  const start = cursor.at
  const raw = match(cursor, STRING)
  if (raw === undefined) throw new SyntaxError('expected a string')
  return { type: 'string', start, end: cursor.at, value: JSON.parse(raw) as string }
}

function skipBlanks(cursor: Cursor): void {
  match(cursor, BLANKS)
}

function match(cursor: Cursor, pattern: RegExp): string | undefined {
  pattern.lastIndex = cursor.at
  const found = pattern.exec(cursor.text)?.[0]
  if (found !== undefined) cursor.at += found.length
  return found
}
