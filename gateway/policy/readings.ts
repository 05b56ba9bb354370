// The readings of one string: as it stands, percent-decoded until it stands still, with look-alikes folded to the
// characters that they imitate (NFKC, separators and dots that NFKC keeps, invisible characters dropped).
// A constraint must hold for every reading, since nobody knows which one the server takes.

/** Most readings of one string; more layers than this are refused. */
const MAX_READINGS = 16

/** All readings of a text, the text itself first; or the reason why it can't be read. */
export type Readings = { readonly texts: readonly string[] } | { readonly problem: string }

/** How much of one call may still be read; `characters` counts all readings of all strings. */
export interface ReadingBudget {
  characters: number
}

/** Lists the readings of a text. */
export function listReadings(text: string): Readings {
  const texts = [text]
  for (let at = 0; at < texts.length; at += 1) {
    const reading = texts[at] ?? ''
    if (overlong.test(reading)) return { problem: 'holds an overlong percent-encoding' }
    for (const next of [decodePercent(reading), fold(reading)]) {
      if (texts.includes(next)) continue
      if (texts.length >= MAX_READINGS) return { problem: 'is encoded in too many layers' }
      texts.push(next)
    }
  }
  return { texts }
}

/** UTF-8 that encodes a character in more bytes than needed (RFC 3629, section 3), as `%c0%af` for `/`. */
const overlong = /%c[01]|%e0%[89]|%f0%8/i
const percentRun = /(?:%[0-9a-f]{2})+/gi
const unicodeEscape = /%u([0-9a-f]{4})/gi
const decoder = new TextDecoder('utf-8', { ignoreBOM: true })

function decodePercent(text: string): string {
  if (!text.includes('%')) return text
  return text
    .replace(percentRun, (run) => decoder.decode(Buffer.from(run.replaceAll('%', ''), 'hex')))
    .replace(unicodeEscape, (_, code: string) => String.fromCharCode(Number.parseInt(code, 16)))
}

/** Characters that look like, or that some system maps to, a separator or a dot, and that NFKC leaves alone. */
const lookAlikes: Readonly<Record<string, string>> = {
  '\u2044': '/',
  '\u2215': '/',
  '\u29f8': '/',
  '\u2571': '/',
  '\u3033': '/',
  '\u2216': '\\',
  '\u29f5': '\\',
  '\u29f9': '\\',
  '\u3002': '.',
  '\uff61': '.',
}
const lookAlike = new RegExp(`[${Object.keys(lookAlikes).join('')}]`, 'g')
// Tabs and line ends are dropped by URL parsers anywhere, spaces and controls at the ends.
const invisible = /[\t\r\n]|\p{Default_Ignorable_Code_Point}/gu
const plain = /^[\u0021-\u007e](?:[\u0020-\u007e]*[\u0021-\u007e])?$/

function fold(text: string): string {
  if (plain.test(text)) return text
  const mapped = text.replace(lookAlike, (character) => lookAlikes[character] ?? character)
  return trimControls(mapped.normalize('NFKC').replace(invisible, ''))
}

/** Without blanks and control characters at the ends, as URL parsers read a text; a NUL stays, since it denies. */
function trimControls(text: string): string {
  let start = 0
  while (isBlank(text.charCodeAt(start))) start += 1
  let end = text.length
  while (end > start && isBlank(text.charCodeAt(end - 1))) end -= 1
  return text.slice(start, end)
}

function isBlank(code: number): boolean {
  return code > 0 && code <= 0x20
}
