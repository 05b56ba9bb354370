// The shape of a JSON text without its values: where the members of the outer objects stand as bytes, and whether any
// object names a key twice. JSON.parse keeps the last of two equal keys where other parsers keep the first, so a message
// with both says different things to policy and server.

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
  /** A key that one object names twice, as a path for people. */
  readonly duplicateKey: string | undefined
}

interface Level {
  readonly isObject: boolean
  /** Which map takes this object's members, if any. */
  readonly members: Map<string, Span> | undefined
  readonly keys: Set<string>
  key: string | undefined
  valueStart: number
}

const QUOTE = 0x22
const BACKSLASH = 0x5c
const COMMA = 0x2c
const COLON = 0x3a
const OPEN_ARRAY = 0x5b
const CLOSE_ARRAY = 0x5d
const OPEN_OBJECT = 0x7b
const CLOSE_OBJECT = 0x7d

/** Scans a text that JSON.parse has accepted; linear in its size, with memory for keys alone. */
export function scanShape(text: Buffer): JsonShape {
  const levels: Level[] = []
  let members: Map<string, Span> | undefined
  let params: Map<string, Span> | undefined
  let duplicateKey: string | undefined
  let index = 0
  const close = (end: number): void => {
    const level = levels.at(-1)
    if (level?.key !== undefined) level.members?.set(level.key, trim(text, level.valueStart, end))
  }
  while (index < text.length) {
    const byte = text[index]
    const level = levels.at(-1)
    if (byte === QUOTE) {
      const end = stringEnd(text, index)
      if (level?.isObject === true && level.key === undefined) {
        const key = JSON.parse(text.toString('utf8', index, end)) as string
        if (level.keys.has(key)) duplicateKey ??= key
        level.keys.add(key)
        level.key = key
      }
      index = end
      continue
    }
    if (byte === COLON && level !== undefined) level.valueStart = index + 1
    else if (byte === COMMA && level?.isObject === true) {
      close(index)
      level.key = undefined
    } else if (byte === OPEN_OBJECT || byte === OPEN_ARRAY) {
      const isObject = byte === OPEN_OBJECT
      const isParams = levels.length === 1 && level?.isObject === true && level.key === 'params'
      const own = isObject && (levels.length === 0 || isParams) ? new Map<string, Span>() : undefined
      if (levels.length === 0) members = own
      else if (isParams) params = own
      levels.push({ isObject, members: own, keys: new Set(), key: undefined, valueStart: index })
    } else if (byte === CLOSE_OBJECT || byte === CLOSE_ARRAY) {
      close(index)
      levels.pop()
    }
    index++
  }
  return { members, params, duplicateKey }
}

function stringEnd(text: Buffer, start: number): number {
  let index = start + 1
  while (index < text.length && text[index] !== QUOTE) index += text[index] === BACKSLASH ? 2 : 1
  return index + 1
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
