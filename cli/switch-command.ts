// `toolwarden stop` and `toolwarden resume`: the kill switch, through the API that runs on the same data directory.
import { ToolwardenError } from '../events/errors.ts'
import { findApiAccess } from './api-access.ts'
import { callApi } from './api-client.ts'

/** Options as commander gives them. */
export interface SwitchFlags {
  readonly config?: string
  readonly all?: boolean
  readonly server?: string
  readonly principal?: string
  readonly reason?: string
  readonly json?: boolean
}

interface SwitchAnswer {
  readonly scope: string
  readonly state: string
  readonly at: string
  readonly event: string
}

/** Stops or resumes a scope. Throws USAGE, STORE_UNAVAILABLE where no API runs, and what the API answers. */
export async function runSwitch(what: 'stop' | 'resume', flags: SwitchFlags): Promise<void> {
  const scope = scopeOf(what, flags)
  const { reason } = flags
  if (reason === undefined || reason.trim() === '')
    throw new ToolwardenError('USAGE', 'no reason', {
      where: '--reason',
      fix: `toolwarden ${what} --all --reason <text>`,
    })
  const { url, token } = await findApiAccess(
    flags.config,
    'toolwarden up, then again; without it end the gateways themselves',
  )
  const answer = await callApi<SwitchAnswer>(url, `/v1/switches/${what}`, {
    method: 'POST',
    token,
    body: { scope, reason },
  })
  process.stdout.write(
    flags.json === true ? `${JSON.stringify(answer)}\n` : `${answer.state} ${answer.scope} at ${answer.at}\n`,
  )
}

function scopeOf(what: string, { all, server, principal }: SwitchFlags): string {
  const scopes = [
    ...(all === true ? ['all'] : []),
    ...(server === undefined ? [] : [`server:${server}`]),
    ...(principal === undefined ? [] : [`principal:${principal}`]),
  ]
  const [scope, ...more] = scopes
  if (scope !== undefined && more.length === 0) return scope
  throw new ToolwardenError('USAGE', 'expected one of --all, --server and --principal', {
    fix: `toolwarden ${what} --all --reason <text>`,
  })
}
