// The policy file, version "1": what may stand in it, and nothing else. Objects are strict, so that a misspelt or a later
// version's key is refused rather than ignored; each leaf checks its own text, so that all errors show at once.

import { z } from 'zod'
import { parseAllowedHost } from './hosts.ts'
import { findGlobProblem } from './match.ts'

/** Most rules in one file. */
const MAX_RULES = 10_000
/** Most entries in one list of a rule. */
const MAX_LIST_ENTRIES = 1_000

/** A string that `findProblem` accepts; its answer completes "<value> …". */
function checked(expected: string, findProblem: (text: string) => string | undefined): z.ZodString {
  return z.string({ error: `expected ${expected}` }).check((context) => {
    const problem = findProblem(context.value)
    if (problem !== undefined) {
      const message = `expected ${expected}, but ${JSON.stringify(context.value)} ${problem}`
      context.issues.push({ code: 'custom', message, input: context.value })
    }
  })
}

function listOf(item: z.ZodString, expected: string): z.ZodType<readonly string[]> {
  return z
    .array(item, { error: `expected ${expected}` })
    .min(1, 'expected at least one entry')
    .max(MAX_LIST_ENTRIES)
}

/** One glob, or a list of globs of which one has to match; always read as a list. */
function globs(
  expected: string,
  findProblem: (text: string) => string | undefined,
): z.ZodType<readonly string[], string | readonly string[]> {
  const item = checked(expected, findProblem)
  // Not a union: it would hide which entry of a list is wrong behind "invalid input".
  return z.preprocess(
    (value) => (typeof value === 'string' ? [value] : value),
    listOf(item, `${expected} or a list of them`),
  ) as z.ZodType<readonly string[], string | readonly string[]>
}

/** The two globs of a tool pattern: "server/tool" binds it to a server, and only the first slash divides. */
export function splitToolPattern(pattern: string): { readonly server: string | undefined; readonly tool: string } {
  const slash = pattern.indexOf('/')
  return slash === -1
    ? { server: undefined, tool: pattern }
    : { server: pattern.slice(0, slash), tool: pattern.slice(slash + 1) }
}

function findToolProblem(pattern: string): string | undefined {
  const reserved = /^(?:resource|prompt|method):/.exec(pattern)?.[0]
  if (reserved !== undefined) return `begins with "${reserved}", which this version does not support`
  const { server, tool } = splitToolPattern(pattern)
  return (server === undefined ? undefined : findGlobProblem(server)) ?? findGlobProblem(tool)
}

function findAllowedPathProblem(path: string): string | undefined {
  if (!path.startsWith('/')) return 'is not absolute'
  if (path.split('/').includes('..')) return 'holds a ".." segment'
  if (/[*?]/.test(path)) return 'holds a wildcard: an allowed path covers all that lies beneath it'
  return path.includes('\0') ? 'holds a NUL character' : undefined
}

function findDomainProblem(domain: string): string | undefined {
  const parsed = parseAllowedHost(domain)
  return typeof parsed === 'string' ? parsed : undefined
}

function findArgumentProblem(name: string): string | undefined {
  return name.split('.').includes('') ? 'has an empty part' : undefined
}

const unitsMs: Readonly<Record<string, number>> = { s: 1_000, m: 60_000, h: 3_600_000, d: 86_400_000 }
/** Longest duration accepted: 30 days. */
const MAX_DURATION_MS = 30 * 86_400_000

/** A duration such as `45s`, `10m`, `2h`, `1d` in milliseconds; undefined where it is none. */
export function parseDuration(text: string): number | undefined {
  const parts = /^([1-9]\d{0,6})([smhd])$/.exec(text)
  const durationMs = Number(parts?.[1]) * (unitsMs[parts?.[2] ?? ''] ?? Number.NaN)
  return durationMs <= MAX_DURATION_MS ? durationMs : undefined
}

function findDurationProblem(text: string): string | undefined {
  return parseDuration(text) === undefined ? 'is none of at most 30 days' : undefined
}

const duration = checked('a duration as "45s", "10m", "2h" or "1d"', findDurationProblem)
const domains = listOf(checked('a host', findDomainProblem), 'a list of hosts')
const argumentNames = listOf(
  checked('an argument as "content" or "options.text"', findArgumentProblem),
  'a list of argument names',
)

/** `constraints` of a rule. */
export const constraintsSchema = z.strictObject({
  allowedPaths: listOf(checked('an absolute path', findAllowedPathProblem), 'a list of absolute paths').optional(),
  deniedPaths: listOf(checked('a path glob', findGlobProblem), 'a list of path globs').optional(),
  notPaths: argumentNames.optional(),
  allowedDomains: domains.optional(),
  deniedDomains: domains.optional(),
  notDomains: argumentNames.optional(),
})

/** `approval` of a rule. */
export const approvalSchema = z.strictObject({ timeout: duration.optional(), hold: duration.optional() })

const actions = ['allow', 'deny', 'escalate'] as const
const nameGlob = globs('a glob', findGlobProblem)

/** One entry of `rules`. */
export const ruleSchema = z.strictObject({
  id: z
    .string({ error: 'expected a text' })
    .regex(/^[A-Za-z0-9][\w.:-]{0,127}$/, 'expected 1 to 128 letters, digits and ".", ":", "_", "-"')
    .optional(),
  tool: globs('a tool glob', findToolProblem).optional(),
  server: nameGlob.optional(),
  principal: nameGlob.optional(),
  client: nameGlob.optional(),
  action: z.enum([...actions, 'block', 'require_approval'], { error: 'expected allow, deny or escalate' }),
  constraints: constraintsSchema.optional(),
  reason: z.string({ error: 'expected a text' }).max(1_000, 'expected at most 1,000 characters').optional(),
  approval: approvalSchema.optional(),
})

/** The whole file. */
export const policySchema = z.strictObject({
  version: z.literal('1', { error: 'expected "1", in quotes' }),
  default: z.enum(actions, { error: 'expected allow, deny or escalate' }).optional(),
  rules: z
    .array(ruleSchema, { error: 'expected a list of rules' })
    .max(MAX_RULES, `expected at most ${MAX_RULES} rules`),
})

/** A policy file as read. */
export type PolicyFile = z.infer<typeof policySchema>
/** A rule as read. */
export type RuleFile = z.infer<typeof ruleSchema>
