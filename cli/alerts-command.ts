// `toolwarden alerts`: what was raised, and what people make of it, through the API that runs on the same data directory.
import type { AlertView } from '../api/alerts.ts'
import { ToolwardenError } from '../events/errors.ts'
import { visible } from '../events/visible.ts'
import { findApiAccess } from './api-access.ts'
import { callApi } from './api-client.ts'
import { readPages } from './api-pages.ts'

/** Options as commander gives them. */
export interface AlertFlags {
  readonly config?: string
  readonly json?: boolean
}

/** Options of the list. */
export interface AlertListFlags extends AlertFlags {
  readonly all?: boolean
  readonly state?: string
  readonly severity?: string
  readonly detector?: string
  readonly principal?: string
}

/** The most alerts that are printed, or searched for the beginning of an id. */
const MAX_LISTED = 10_000
/** How much of an id tells alerts apart on a screen. */
const SHORT_ID = 12
const MIN_PREFIX = 8

/** Prints alerts, the newest first. Throws STORE_UNAVAILABLE where no API runs, and what the API answers. */
export async function listAlerts(flags: AlertListFlags): Promise<void> {
  const { all, state, severity, detector, principal } = flags
  const wanted = Object.entries({ state, severity, detector, principal }).flatMap(([name, value]) => {
    return value === undefined ? [] : [`&${name}=${encodeURIComponent(value)}`]
  })
  const found = await findAlerts(flags, wanted.join(''))
  const items = all === true || state !== undefined ? found : found.filter((alert) => alert.state !== 'closed')
  if (flags.json === true) return print(JSON.stringify({ alerts: items }))
  if (items.length === 0) print('no alert')
  for (const each of items) print(lineOf(each))
}

/** Prints one alert with what is behind it and what followed. */
export async function showAlert(id: string, flags: AlertFlags): Promise<void> {
  const found = await findAlert(id, flags)
  if (flags.json === true) return print(JSON.stringify(found))
  const { server, tool, principal, session, rule, tags, causes, updates } = found
  const about = Object.entries({ principal, session, server, tool }).filter(([, value]) => value !== undefined)
  print(
    [
      `${found.alert}  ${found.state}`,
      `  ${found.severity}, by ${visible(found.detector)} at ${found.raisedAt}`,
      `  ${visible(found.explanation)}`,
      ...about.map(([name, value]) => `  ${name.padEnd(10)} ${visible(value ?? '')}`),
      `  done       ${rule === undefined ? 'no rule' : `rule ${rule}`}`,
      `  tags       ${tags.map((tag) => `${tag.id} ${tag.name}`).join(', ')}`,
      ...causes.map((cause) => `  event      ${cause}`),
      ...updates.map(({ state, by, reason, at }) => `  ${state} by ${visible(by)} at ${at}: ${visible(reason)}`),
    ].join('\n'),
  )
}

/** Acknowledges or closes one. Throws as `listAlerts` does, NOT_FOUND, CONFLICT. */
export async function updateAlert(
  step: 'acknowledge' | 'close',
  id: string,
  flags: AlertFlags & { readonly reason: string },
): Promise<void> {
  const { alert } = await findAlert(id, flags)
  const { url, token } = await findApiAccess(flags.config, 'toolwarden up')
  const body = { reason: flags.reason }
  const done = await callApi<{ readonly state: string; readonly by: string; readonly at: string }>(
    url,
    `/v1/alerts/${alert}/${step}`,
    { method: 'POST', token, body },
  )
  print(flags.json === true ? JSON.stringify(done) : `${done.state} by ${visible(done.by)} at ${done.at}`)
}

async function findAlerts(flags: AlertFlags, query: string): Promise<readonly AlertView[]> {
  const { url, token } = await findApiAccess(flags.config, 'toolwarden up')
  const get = (path: string): Promise<unknown> => callApi(url, path, { method: 'GET', token })
  return readPages(`/v1/alerts?limit=500${query}`, { get, most: MAX_LISTED })
}

/** The alert with an id, or the only one whose id begins so. */
async function findAlert(id: string, flags: AlertFlags): Promise<AlertView> {
  if (/^[0-9a-f]{64}$/.test(id)) {
    const { url, token } = await findApiAccess(flags.config, 'toolwarden up')
    return await callApi<AlertView>(url, `/v1/alerts/${id}`, { method: 'GET', token })
  }
  if (!/^[0-9a-f]+$/.test(id) || id.length < MIN_PREFIX)
    throw new ToolwardenError('USAGE', `not the id of an alert, nor ${MIN_PREFIX} characters of its beginning`, {
      where: visible(id),
      fix: 'toolwarden alerts list',
    })
  const found = (await findAlerts(flags, '')).filter(({ alert }) => alert.startsWith(id))
  const [first] = found
  if (first !== undefined && found.length === 1) return first
  throw new ToolwardenError('NOT_FOUND', `${found.length === 0 ? 'no alert begins' : 'several alerts begin'} so`, {
    where: id,
    fix: 'toolwarden alerts list --all',
  })
}

function lineOf({ alert, state, severity, detector, raisedAt, explanation }: AlertView): string {
  const head = [alert.slice(0, SHORT_ID), severity, state, visible(detector), `${raisedAt.slice(0, 19)}Z`].join('  ')
  return `${head}\n    ${visible(explanation)}`
}

function print(text: string): void {
  process.stdout.write(`${text}\n`)
}
