// Splits the seed's `--upstream "<command>"` into words, as a POSIX shell would without expanding anything.
import { ToolwardenError } from '../events/errors.ts'

/** Words of a command line; quotes and backslashes as in sh, no variables, no globs. Throws USAGE for an open quote. */
export function splitCommand(text: string): readonly string[] {
  const words: string[] = []
  let word: string | undefined
  let quote: string | undefined
  for (let index = 0; index < text.length; index++) {
    const char = text.charAt(index)
    if (quote === undefined && /\s/.test(char)) {
      if (word !== undefined) words.push(word)
      word = undefined
    } else if (char === quote) quote = undefined
    else if (quote === undefined && (char === '"' || char === "'")) {
      quote = char
      word ??= ''
    } else if (char === '\\' && quote !== "'" && (quote === undefined || /["\\$`]/.test(text.charAt(index + 1)))) {
      word = `${word ?? ''}${text.charAt(++index)}`
    } else word = `${word ?? ''}${char}`
  }
  if (quote !== undefined)
    throw new ToolwardenError('USAGE', `the quote ${quote} is not closed`, {
      where: '--upstream',
      fix: 'toolwarden gateway --policy policy.yaml -- <command> [arguments]',
    })
  return word === undefined ? words : [...words, word]
}
