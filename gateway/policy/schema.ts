// The policy file, version "1": what may stand in it, and nothing else. Objects are strict, so that a misspelt or a later
// version's key is refused rather than ignored; each leaf checks its own text, so that all errors show at once.

import { z } from 'zod'
import { compileArgumentSchema } from './argument-schema.ts'
import { argumentName, checked, duration, listOf, oneOrMore } from './fields.ts'
import { parseAllowedHost } from './hosts.ts'
import { toMillionths } from './limits.ts'
import { findGlobProblem } from './match.ts'
import { pinningSchema } from './pinning.ts'
import { DAYS, isTimeZone, parseTimeOfDay } from './time-window.ts'
import { findToolPatternProblem } from './tool-pattern.ts'

/** Most rules in one file. */
const MAX_RULES = 10_000
/** Most files that one file extends. */
const MAX_EXTENDS = 16
/** Most calls that one rate limit counts: each is kept until its window has passed. */
const MAX_RATE_CALLS = 10_000

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

function findIncludeProblem(path: string): string | undefined {
  if (path.includes('\0')) return 'holds a NUL character'
  return /\.ya?ml$/.test(path) ? undefined : 'does not end in .yaml or .yml'
}

/** A moment with its offset, or the beginning of a day in UTC; milliseconds since 1970, undefined where it is none. */
export function parseMoment(text: string): number | undefined {
  if (!/^\d{4}-\d\d-\d\d(?:T\d\d:\d\d(?::\d\d)?(?:Z|[+-]\d\d:\d\d))?$/.test(text)) return undefined
  const millis = Date.parse(text)
  return Number.isNaN(millis) ? undefined : millis
}

const domains = listOf(checked('a host', findDomainProblem), 'a list of hosts')
const argumentNames = listOf(argumentName, 'a list of argument names')
const count = (most: number, expected: string): z.ZodNumber =>
  z.number({ error: expected }).int(expected).min(1, expected).max(most, `${expected}, at most ${most}`)

const argumentsSchema = z
  .record(z.string(), z.unknown(), { error: 'expected a JSON Schema (2020-12)' })
  .transform((schema, context) => {
    const compiled = compileArgumentSchema(schema)
    if ('ok' in compiled) return compiled.ok
    for (const { path, message } of compiled.problems)
      context.issues.push({ code: 'custom', path: [...path], message, input: schema })
    return z.NEVER
  })

/** `constraints` of a rule. */
export const constraintsSchema = z.strictObject({
  allowedPaths: listOf(checked('an absolute path', findAllowedPathProblem), 'a list of absolute paths').optional(),
  deniedPaths: listOf(checked('a path glob', findGlobProblem), 'a list of path globs').optional(),
  notPaths: argumentNames.optional(),
  allowedDomains: domains.optional(),
  deniedDomains: domains.optional(),
  notDomains: argumentNames.optional(),
  arguments: argumentsSchema.optional(),
})

/** `approval` of a rule. */
export const approvalSchema = z.strictObject({
  timeout: duration.optional(),
  hold: duration.optional(),
  /** Lets the client's own user answer: an agent's client can answer for itself. */
  elicit: z.boolean({ error: 'expected true or false' }).optional(),
})

const by = z.enum(['session', 'principal', 'tool'], { error: 'expected session, principal or tool' })

/** `rateLimit` of a rule. */
export const rateLimitSchema = z.strictObject({
  calls: count(MAX_RATE_CALLS, 'expected a number of calls'),
  per: duration,
  by,
})

/** `budget` of a rule. */
export const budgetSchema = z.strictObject({
  argument: argumentName,
  max: z
    .number({ error: 'expected an amount' })
    .refine((max) => toMillionths(max) !== undefined, 'expected an amount from 0 to 9,007,199,254'),
  per: duration,
  by,
})

const timeOfDay = checked('a time of day as "08:30"', (text) =>
  parseTimeOfDay(text) === undefined ? 'is none from "00:00" to "24:00"' : undefined,
)

/** `when` of a rule. */
export const whenSchema = z
  .strictObject({
    days: z
      .array(z.enum(DAYS, { error: 'expected mon, tue, wed, thu, fri, sat or sun' }), {
        error: 'expected a list of days',
      })
      .min(1, 'expected at least one day')
      .optional(),
    from: timeOfDay.optional(),
    to: timeOfDay.optional(),
    timeZone: checked('a time zone as "Europe/Berlin"', (name) =>
      isTimeZone(name) ? undefined : 'is not known here',
    ).optional(),
  })
  .refine(({ from, to }) => from === undefined || from !== to, {
    path: ['to'],
    error: 'expected another time than "from"',
  })

const actions = ['allow', 'deny', 'escalate'] as const
const nameGlob = oneOrMore(checked('a glob', findGlobProblem), 'a glob')

/** One entry of `rules`. */
export const ruleSchema = z.strictObject({
  id: z
    .string({ error: 'expected a text' })
    .regex(/^[A-Za-z0-9][\w.:-]{0,127}$/, 'expected 1 to 128 letters, digits and ".", ":", "_", "-"')
    .optional(),
  tool: oneOrMore(checked('a tool glob', findToolPatternProblem), 'a tool glob').optional(),
  server: nameGlob.optional(),
  principal: nameGlob.optional(),
  client: nameGlob.optional(),
  when: whenSchema.optional(),
  action: z.enum([...actions, 'block', 'require_approval'], { error: 'expected allow, deny or escalate' }),
  constraints: constraintsSchema.optional(),
  rateLimit: rateLimitSchema.optional(),
  budget: budgetSchema.optional(),
  onAmbiguous: z.enum(actions, { error: 'expected allow, deny or escalate' }).optional(),
  reason: z.string({ error: 'expected a text' }).max(1_000, 'expected at most 1,000 characters').optional(),
  approval: approvalSchema.optional(),
})

/** The whole file. */
export const policySchema = z
  .strictObject({
    version: z.literal('1', { error: 'expected "1", in quotes' }),
    extends: oneOrMore(checked('a policy file', findIncludeProblem), 'a policy file').optional(),
    mode: z.enum(['enforce', 'observe'], { error: 'expected enforce or observe' }).optional(),
    until: checked('a date as "2026-12-24" or "2026-12-24T18:00:00Z", in quotes', (text) =>
      parseMoment(text) === undefined ? 'is none' : undefined,
    ).optional(),
    default: z.enum(actions, { error: 'expected allow, deny or escalate' }).optional(),
    pinning: pinningSchema.optional(),
    rules: z
      .array(ruleSchema, { error: 'expected a list of rules' })
      .max(MAX_RULES, `expected at most ${MAX_RULES} rules`),
  })
  .refine(({ extends: bases }) => bases === undefined || bases.length <= MAX_EXTENDS, {
    path: ['extends'],
    error: `expected at most ${MAX_EXTENDS} files`,
  })
  .refine(({ mode, until }) => mode !== 'observe' || until !== undefined, {
    path: ['mode'],
    error: 'mode observe needs an end: until, at most 30 days ahead',
  })
  .refine(({ mode, until }) => mode === 'observe' || until === undefined, {
    path: ['until'],
    error: 'until belongs to mode: observe',
  })

/** A policy file as read. */
export type PolicyFile = z.infer<typeof policySchema>
/** A rule as read. */
export type RuleFile = z.infer<typeof ruleSchema>
