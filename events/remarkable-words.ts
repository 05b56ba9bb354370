// Takes the words of a text that could be an identifier, in one pass and without a pattern: most of a long text is plain
// words, and looking at each of them by itself costs a hundred times as much.

const LETTER = 1
/** May stand before or after a plain word. */
const EDGE = 2
const SEPARATOR = 3
/** Everything else, what is not ASCII included: the word is remarkable. */
const OTHER = 0

/** By ASCII code. */
const KINDS = kindsOf()
/** White space of ECMAScript beyond ASCII. */
const WIDE_SPACE = /\s/
const NEXT_SEPARATOR = /[\s"'`<>()[\]{},;|*=]/g

/**
 * Words of a text, without those of ASCII letters alone: such a word, with `.`, `:`, `!`, `?` or `-` before or after it
 * at most, is no identifier whatever its normal form. Nor is one of more than `maxLength` characters, which is passed over.
 */
export function* remarkableWords(text: string, maxLength: number): Generator<string> {
  let start = 0
  let isRemarkable = false
  let hasLetter = false
  let isBehindEdge = false
  for (let at = 0; at <= text.length; at++) {
    if (at - start > maxLength) at = nextSeparator(text, at)
    const kind = at === text.length ? SEPARATOR : kindOf(text.charCodeAt(at))
    if (kind === SEPARATOR) {
      if (isRemarkable && at - start <= maxLength) yield text.slice(start, at)
      start = at + 1
      isRemarkable = hasLetter = isBehindEdge = false
    } else if (kind === LETTER) {
      if (isBehindEdge) isRemarkable = true
      hasLetter = true
    } else if (kind === EDGE) isBehindEdge = hasLetter
    else isRemarkable = true
  }
}

function nextSeparator(text: string, from: number): number {
  NEXT_SEPARATOR.lastIndex = from
  return NEXT_SEPARATOR.exec(text)?.index ?? text.length
}

function kindOf(code: number): number {
  if (code < KINDS.length) return KINDS[code] ?? OTHER
  return WIDE_SPACE.test(String.fromCharCode(code)) ? SEPARATOR : OTHER
}

function kindsOf(): Uint8Array {
  const kinds = new Uint8Array(128)
  for (let code = 0; code < kinds.length; code++) {
    const character = String.fromCharCode(code)
    if (/[A-Za-z]/.test(character)) kinds[code] = LETTER
    else if (/[.:!?-]/.test(character)) kinds[code] = EDGE
    else if (/[\s"'`<>()[\]{},;|*=]/.test(character)) kinds[code] = SEPARATOR
  }
  return kinds
}
