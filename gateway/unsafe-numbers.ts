// Finds numbers in a JSON text that parsers read differently: JSON.parse makes 9007199254740993 and …992 one value, 1e400
// infinite and 1.00000000000000000001 one, while a server with big or decimal numbers acts on what is written (RFC 8259,
// section 6). A rule that compares numbers denies such a call.
import { BACKSLASH, COMMA, QUOTE } from './json-bytes.ts'

const PLUS = 0x2b
const MINUS = 0x2d
const DOT = 0x2e
const CAPITAL_EXPONENT = 0x45
const EXPONENT = 0x65
/** So many decimal digits every double keeps. */
const MAX_SHORT_CHARACTERS = 15
/** The shortest spelling of a double has at most so many digits. */
const MAX_SIGNIFICANT_DIGITS = 17

/** Whether a JSON text holds a number that a double does not stand for; linear in its size, one pass. */
export function hasUnsafeNumber(json: Buffer): boolean {
  let start = -1
  let hasExponent = false
  for (let at = 0; at <= json.length; at += 1) {
    const byte = json[at] ?? COMMA
    if (start === -1) {
      if (byte === QUOTE) at = closingQuote(json, at)
      else if (byte === MINUS || isDigit(byte)) start = at
    } else if (byte === EXPONENT || byte === CAPITAL_EXPONENT) hasExponent = true
    else if (!isDigit(byte) && byte !== DOT && byte !== MINUS && byte !== PLUS) {
      // Most numbers have too few characters for anything to go wrong, and a text of each would take its time.
      const isLong = hasExponent || at - start > MAX_SHORT_CHARACTERS
      if (isLong && isUnsafe(json.toString('latin1', start, at))) return true
      start = -1
      hasExponent = false
    }
  }
  return false
}

/** The same for a value that was parsed already, where the text is not at hand: only its size can be seen. */
export function holdsUnsafeNumber(value: unknown): boolean {
  if (typeof value === 'number') return !Number.isFinite(value) || Math.abs(value) > Number.MAX_SAFE_INTEGER
  if (typeof value !== 'object' || value === null) return false
  return Object.values(value).some(holdsUnsafeNumber)
}

function isUnsafe(text: string): boolean {
  const value = Number(text)
  if (!Number.isFinite(value) || Math.abs(value) > Number.MAX_SAFE_INTEGER) return true
  const mantissa = text
    .replace(/[eE].*$/, '')
    .replace(/[-.]/g, '')
    .replace(/^0+/, '')
  if (value === 0) return mantissa !== ''
  return mantissa.replace(/0+$/, '').length > MAX_SIGNIFICANT_DIGITS
}

function closingQuote(json: Buffer, start: number): number {
  let quote = json.indexOf(QUOTE, start + 1)
  while (quote !== -1 && isEscaped(json, quote)) quote = json.indexOf(QUOTE, quote + 1)
  return quote === -1 ? json.length : quote
}

function isEscaped(json: Buffer, quote: number): boolean {
  let before = quote
  while (json[before - 1] === BACKSLASH) before -= 1
  return (quote - before) % 2 === 1
}

function isDigit(byte: number): boolean {
  return byte >= 0x30 && byte <= 0x39
}
