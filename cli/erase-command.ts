// `toolwarden erase` and `toolwarden hold`: through the API that runs on the same data directory, as it holds the store.
import { readCliToken } from '../api/cli-token.ts'
import { ToolwardenError } from '../events/errors.ts'
import { formatTime } from '../events/time.ts'
import { parseAge } from '../ledger/age.ts'
import { callApi, findApi } from './api-client.ts'
import { loadConfig } from './config.ts'
import { openInstallation } from './installation.ts'

/** Options as commander gives them. */
export interface EraseFlags {
  readonly config?: string
  readonly json?: boolean
  readonly call?: string
  readonly session?: string
  readonly principal?: string
  readonly olderThan?: string
  readonly reason?: string
  readonly dryRun?: boolean
  readonly skipHeld?: boolean
}

interface Erased {
  readonly what: string
  readonly payloads: number
  readonly held: readonly { readonly hold: string; readonly payloads: number; readonly reason: string }[]
  readonly event?: string
}

interface Hold {
  readonly hold: string
  readonly call?: string
  readonly session?: string
  readonly principal?: string
  readonly reason: string
  readonly by: string
  readonly at: string
}

/** Erases, or counts. Throws USAGE, STORE_UNAVAILABLE where no API runs, and what the API answers. */
export async function runErase(flags: EraseFlags): Promise<void> {
  const { olderThan, dryRun = false, skipHeld = false } = flags
  const nowSeconds = Math.floor(Date.now() / 1000)
  const ageSeconds = olderThan === undefined ? undefined : parseAge(olderThan, nowSeconds, '--older-than')
  const before = ageSeconds === undefined ? {} : { before: formatTime((nowSeconds - ageSeconds) * 1_000_000) }
  const names = namesOf(flags)
  if (Object.keys(names).length === 0 && ageSeconds === undefined)
    throw new ToolwardenError('USAGE', 'expected --call, --session, --principal or --older-than', {
      fix: 'toolwarden erase --session <id> --reason <text>',
    })
  const reason = dryRun ? (flags.reason ?? 'dry run') : reasonOf(flags)
  const body = { ...names, ...before, reason, dryRun, skipHeld }
  const answer = await ask<Erased>(flags, '/v1/erasures', body)
  const held = answer.held.map((each) => `  ${each.payloads} under hold ${each.hold}: ${JSON.stringify(each.reason)}`)
  const done = dryRun ? `would erase ${answer.payloads}` : `erased ${answer.payloads}`
  const event = answer.event === undefined ? [] : [`  event ${answer.event}`]
  show(flags, answer, [`${done}: ${answer.what}`, ...event, ...held])
}

/** Adds a hold. Throws as runErase does. */
export async function addHold(flags: EraseFlags): Promise<void> {
  const answer = await ask<Hold>(flags, '/v1/holds', { ...namesOf(flags), reason: reasonOf(flags) })
  show(flags, answer, [`held: ${describeHold(answer)}`])
}

/** Releases a hold. Throws as runErase does. */
export async function removeHold(id: string, flags: EraseFlags): Promise<void> {
  const answer = await ask<Hold>(flags, `/v1/holds/${encodeURIComponent(id)}/release`, { reason: reasonOf(flags) })
  show(flags, answer, [`released: ${describeHold(answer)}`])
}

/** Lists the holds in force. Throws as runErase does. */
export async function listHolds(flags: EraseFlags): Promise<void> {
  const { items } = await ask<{ readonly items: readonly Hold[] }>(flags, '/v1/holds')
  show(flags, { holds: items }, items.length === 0 ? ['no hold is in force'] : items.map(describeHold))
}

function namesOf({ call, session, principal }: EraseFlags): Pick<EraseFlags, 'call' | 'session' | 'principal'> {
  return {
    ...(call === undefined ? {} : { call }),
    ...(session === undefined ? {} : { session }),
    ...(principal === undefined ? {} : { principal }),
  }
}

/** The reason that has to be given. Throws USAGE. */
export function reasonOf({ reason = '' }: EraseFlags): string {
  if (reason.trim() !== '') return reason
  throw new ToolwardenError('USAGE', 'no reason', { where: '--reason', fix: 'say why: it is recorded' })
}

/** Asks the API that runs on the data directory. Throws STORE_UNAVAILABLE where none does, and what it answers. */
export async function ask<Answer>({ config: file }: EraseFlags, path: string, body?: object): Promise<Answer> {
  const config = await loadConfig(process.env, file)
  const installation = await openInstallation(config.data)
  const url = await findApi(config.data)
  if (url === undefined)
    throw new ToolwardenError('STORE_UNAVAILABLE', 'no API runs on this data directory', {
      where: config.data,
      fix: 'toolwarden up, then again: who erased what is recorded through it',
    })
  const token = await readCliToken(installation.cliTokenFile)
  return await callApi<Answer>(
    url,
    path,
    body === undefined ? { method: 'GET', token } : { method: 'POST', token, body },
  )
}

function describeHold({ hold, call, session, principal, reason, by, at }: Hold): string {
  const names = Object.entries(
    namesOf({ ...(call && { call }), ...(session && { session }), ...(principal && { principal }) }),
  )
  // What others wrote is quoted: a terminal obeys what it is sent.
  return `${hold}  ${names.map(([name, value]) => `${name} ${JSON.stringify(value)}`).join(', ')}  ${at} by ${JSON.stringify(by)}: ${JSON.stringify(reason)}`
}

function show({ json }: EraseFlags, answer: object, lines: readonly string[]): void {
  process.stdout.write(json === true ? `${JSON.stringify(answer)}\n` : `${lines.join('\n')}\n`)
}
