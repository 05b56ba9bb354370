// Any code point but half a surrogate pair, for fast-check: what its own `unit: 'binary'` draws. That one makes a table of all
// 1.1 million when a string is first made of it: most of a second, and memory that the collector goes through from then on.
import fc from 'fast-check'

const FIRST_SURROGATE = 0xd800
const SURROGATES = 0x800
const CODE_POINTS = 0x110000

/** One character: the `unit` of strings. */
export const anyCharacter = fc.nat(CODE_POINTS - SURROGATES - 1).map(
  (index) => String.fromCodePoint(index < FIRST_SURROGATE ? index : index + SURROGATES),
  (character) => indexOf(character),
)

/** Throws on what is not one such character: then fast-check doesn't make it smaller as one. */
function indexOf(character: unknown): number {
  const code = typeof character === 'string' ? character.codePointAt(0) : undefined
  if (code === undefined || String.fromCodePoint(code) !== character || isSurrogate(code))
    throw new TypeError('not one character')
  return code < FIRST_SURROGATE ? code : code - SURROGATES
}

function isSurrogate(code: number): boolean {
  return code >= FIRST_SURROGATE && code < FIRST_SURROGATE + SURROGATES
}
