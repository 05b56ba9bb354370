// The building blocks of the policy file's schema: texts that say themselves what is wrong with them, lists, globs, durations.

import { z } from 'zod'

/** Most entries in one list of a rule. */
const MAX_LIST_ENTRIES = 1_000
/** Longest duration accepted: 30 days. */
const MAX_DURATION_MS = 30 * 86_400_000

/** A string that `findProblem` accepts; its answer completes "<value> …". */
export function checked(expected: string, findProblem: (text: string) => string | undefined): z.ZodString {
  return z.string({ error: `expected ${expected}` }).check((context) => {
    const problem = findProblem(context.value)
    if (problem !== undefined) {
      const message = `expected ${expected}, but ${JSON.stringify(context.value)} ${problem}`
      context.issues.push({ code: 'custom', message, input: context.value })
    }
  })
}

/** A list of such strings, one at least. */
export function listOf(item: z.ZodType<string>, expected: string): z.ZodType<readonly string[]> {
  return z
    .array(item, { error: `expected ${expected}` })
    .min(1, 'expected at least one entry')
    .max(MAX_LIST_ENTRIES)
}

/** One string, or a list of them; always read as a list. */
export function oneOrMore(
  item: z.ZodString,
  expected: string,
): z.ZodType<readonly string[], string | readonly string[]> {
  // Not a union: it would hide which entry of a list is wrong behind "invalid input".
  return z
    .preprocess((value) => (typeof value === 'string' ? [value] : value), listOf(item, `${expected} or a list of them`))
    .meta({ anyOf: [{ type: 'string' }, { type: 'array', items: { type: 'string' }, minItems: 1 }] }) as z.ZodType<
    readonly string[],
    string | readonly string[]
  >
}

const unitsMs: Readonly<Record<string, number>> = { s: 1_000, m: 60_000, h: 3_600_000, d: 86_400_000 }

/** A duration such as `45s`, `10m`, `2h`, `1d` in milliseconds; undefined where it is none. */
export function parseDuration(text: string): number | undefined {
  const parts = /^([1-9]\d{0,6})([smhd])$/.exec(text)
  const durationMs = Number(parts?.[1]) * (unitsMs[parts?.[2] ?? ''] ?? Number.NaN)
  return durationMs <= MAX_DURATION_MS ? durationMs : undefined
}

/** A duration, as text. */
export const duration = checked('a duration as "45s", "10m", "2h" or "1d"', (text) =>
  parseDuration(text) === undefined ? 'is none of at most 30 days' : undefined,
)

/** The name of an argument, its parts parted by dots. */
export const argumentName = checked('an argument as "content" or "options.text"', (name) =>
  name.split('.').includes('') ? 'has an empty part' : undefined,
)
