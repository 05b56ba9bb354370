// `toolwarden rules`: what gateways honour now, and what people make of it, through the API that runs on the same data directory.
import type { RuleView } from '../api/rule-view.ts'
import { ToolwardenError } from '../events/errors.ts'
import { visible } from '../events/visible.ts'
import { parseSpan } from '../ledger/age.ts'
import { findApiAccess } from './api-access.ts'
import { callApi } from './api-client.ts'
import { readPages } from './api-pages.ts'

/** Options as commander gives them. */
export interface RuleFlags {
  readonly config?: string
  readonly json?: boolean
}

/** Options of the list. */
export interface RuleListFlags extends RuleFlags {
  readonly history?: boolean
  readonly lifted?: boolean
  readonly session?: string
  readonly principal?: string
}

/** The most rules that are printed. */
const MAX_LISTED = 10_000
/** How much of an id tells rules apart on a screen. */
const SHORT_ID = 12
const MIN_PREFIX = 8

/** Prints rules. Throws STORE_UNAVAILABLE where no API runs, and what the API answers. */
export async function listRules(flags: RuleListFlags): Promise<void> {
  const { history, lifted, session, principal, json } = flags
  const wanted = Object.entries({ session, principal }).flatMap(([name, value]) => {
    return value === undefined ? [] : [`${name}=${encodeURIComponent(value)}`]
  })
  const isPast = history === true || lifted === true
  const found = await findRules(flags, [...wanted, ...(isPast ? ['state=history', 'limit=500'] : [])])
  const now = new Date().toISOString()
  const rules = lifted === true ? found.filter((rule) => (rule.lifted?.staysAwayUntil ?? '') > now) : found
  if (json === true) return print(JSON.stringify({ rules }))
  if (rules.length === 0) print(lifted === true ? 'no lifted rule stays away' : 'no rule')
  for (const rule of rules) print(textOf(rule))
}

/** Ends a rule. Throws USAGE, as `listRules` does, NOT_FOUND, CONFLICT, FORBIDDEN. */
export async function liftRule(
  id: string,
  flags: RuleFlags & { readonly reason: string; readonly staysAway?: string },
): Promise<void> {
  const { reason, staysAway } = flags
  const hours =
    staysAway === undefined ? {} : { staysAwayHours: Math.ceil(secondsOf('--stays-away', staysAway) / 3_600) }
  const done = await post<{ by: string; staysAwayUntil: string }>(flags, `${await findId(id, flags)}/lift`, {
    reason,
    ...hours,
  })
  print(
    flags.json === true
      ? JSON.stringify(done)
      : `lifted by ${visible(done.by)}; its like stays away until ${done.staysAwayUntil}`,
  )
}

/** Adds a wider rule. Throws as `liftRule` does. */
export async function promoteRule(
  id: string,
  flags: RuleFlags & { readonly reason: string; readonly to: string; readonly for?: string; readonly action?: string },
): Promise<void> {
  const { reason, to, for: life, action } = flags
  const made = await post<RuleView>(flags, `${await findId(id, flags)}/promote`, {
    ...{ reason, to },
    ...(life === undefined ? {} : { expiresIn: secondsOf('--for', life) }),
    ...(action === undefined ? {} : { action }),
  })
  print(flags.json === true ? JSON.stringify(made) : textOf(made))
}

async function findRules(flags: RuleFlags, query: readonly string[]): Promise<readonly RuleView[]> {
  const { url, token } = await findApiAccess(flags.config, 'toolwarden up')
  const get = (path: string): Promise<unknown> => callApi(url, path, { method: 'GET', token })
  return readPages(`/v1/rules?${query.join('&')}`, { get, most: MAX_LISTED })
}

/** The id of the only rule in force whose id begins so; a whole id as it is. */
async function findId(id: string, flags: RuleFlags): Promise<string> {
  if (/^[0-9a-f]{64}$/.test(id)) return id
  if (!/^[0-9a-f]+$/.test(id) || id.length < MIN_PREFIX)
    throw new ToolwardenError('USAGE', `not the id of a rule, nor ${MIN_PREFIX} characters of its beginning`, {
      where: visible(id),
      fix: 'toolwarden rules',
    })
  const found = (await findRules(flags, [])).filter((rule) => rule.id.startsWith(id))
  const [first] = found
  if (first !== undefined && found.length === 1) return first.id
  const what = found.length === 0 ? 'no rule in force begins' : 'several rules in force begin'
  throw new ToolwardenError('NOT_FOUND', `${what} so`, { where: id, fix: 'toolwarden rules' })
}

async function post<Answer>(flags: RuleFlags, path: string, body: object): Promise<Answer> {
  const { url, token } = await findApiAccess(flags.config, 'toolwarden up')
  return callApi<Answer>(url, `/v1/rules/${path}`, { method: 'POST', token, body })
}

function secondsOf(option: string, text: string): number {
  const seconds = parseSpan(text) ?? 0
  if (seconds > 0) return seconds
  throw new ToolwardenError('USAGE', `not a time: ${JSON.stringify(text)}`, {
    where: option,
    fix: `${option} 15m, 2h or 7d`,
  })
}

function textOf({
  id,
  state,
  scope,
  tool,
  toolClass,
  hasPredicate,
  action,
  reason,
  cause,
  expiresAt,
  lifted,
}: RuleView): string {
  const whom = Object.entries(scope).map(([name, value]) => `${name} ${visible(String(value))}`)
  const what = `${visible(tool)}${toolClass === undefined ? '' : ` (${toolClass})`}${hasPredicate ? ' with certain arguments' : ''}`
  const by = cause.operator === undefined ? 'detectors' : visible(cause.operator)
  const end =
    lifted === undefined
      ? `until ${expiresAt.slice(0, 19)}Z`
      : `lifted by ${visible(lifted.by)} (${visible(lifted.reason)}), stays away until ${lifted.staysAwayUntil.slice(0, 19)}Z`
  const because = cause.alert === undefined ? '' : `, alert ${cause.alert.slice(0, SHORT_ID)}`
  return [
    `${id.slice(0, SHORT_ID)}  ${state}  ${action} ${what}  ${end}`,
    `    ${whom.length === 0 ? 'everyone' : whom.join(', ')}; by ${by}${because}, ${cause.events.length} events`,
    `    ${visible(reason)}`,
  ].join('\n')
}

function print(text: string): void {
  process.stdout.write(`${text}\n`)
}
