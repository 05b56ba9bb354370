// Names, arguments and reasons are an agent's, a server's or a file's words: none of their control characters, and nothing that
// turns the direction of a line, reaches the terminal, where they could write over what stands beside them.

/** The text with such characters as escapes; line ends too. */
export function visible(text: string): string {
  return text.replace(/[\p{Cc}\p{Cf}\p{Zl}\p{Zp}]/gu, (character) => escapeOf(character))
}

/** The same of a text of several lines, which stay lines. */
export function visibleLines(text: string): string {
  return text.replace(/[^\P{Cc}\n\t]|[\p{Cf}\p{Zl}\p{Zp}]/gu, (character) => escapeOf(character))
}

/**
 * JSON in which such characters are escapes, so that what is read from it is the same: readers of lines break them at more
 * than line feeds, and terminals take C1 for commands.
 */
export function visibleJson(value: object): string {
  return JSON.stringify(value).replace(/[\p{Cc}\p{Cf}\p{Zl}\p{Zp}]/gu, (character) => {
    const units = Array.from({ length: character.length }, (_, index) => character.charCodeAt(index))
    return units.map((unit) => `\\u${unit.toString(16).padStart(4, '0')}`).join('')
  })
}

function escapeOf(character: string): string {
  return `\\u${(character.codePointAt(0) ?? 0).toString(16).padStart(4, '0')}`
}
