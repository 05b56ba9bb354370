// `toolwarden gateway token`: the tokens of those who call through an HTTP gateway. They are kept as the API's are, in a
// file of their own, so that no token of an agent ever opens the API.
import { randomBytes } from 'node:crypto'
import { createToken, listTokens, revokeToken, TokenBook } from '../api/tokens.ts'
import { ToolwardenError } from '../events/errors.ts'
import { nameField } from '../events/field.ts'
import { systemClock } from '../events/time.ts'
import type { CallerBook } from '../gateway/http/caller.ts'
import { upstreamName } from '../gateway/http/settings.ts'
import { loadConfig } from './config.ts'
import { ensureInstallation } from './installation.ts'

const DAY_MICROS = 24 * 60 * 60 * 1_000_000
const ADD = 'toolwarden gateway token add --principal agent:ci'

/** Options of `gateway token add`. */
export interface TokenFlags {
  readonly config?: string
  readonly json?: boolean
  readonly principal?: string
  readonly server?: readonly string[]
  readonly days?: string
}

/** Who holds a token, by the file of tokens; a change of the file counts from the next request on. */
export function callerBook(file: string): CallerBook {
  const clock = systemClock()
  const book = new TokenBook(file, () => clock.nowMicros())
  return {
    findCaller: async (token) => {
      const found = await book.find(token)
      if (found?.scopes.includes('call') !== true) return undefined
      const { tokenId, subject, servers } = found
      return { principal: subject, principalSource: 'token', tokenId, servers }
    },
  }
}

/** Makes a token and prints it, once. */
export async function addCallerToken(flags: TokenFlags): Promise<void> {
  const { principal = '', server, days } = flags
  if (!nameField.safeParse(principal).success || !principal.startsWith('agent:'))
    throw new ToolwardenError('USAGE', 'expected agent:<name>', { where: '--principal', fix: ADD })
  const wrong = server?.find((name) => !upstreamName.safeParse(name).success)
  if (wrong !== undefined)
    throw new ToolwardenError('USAGE', 'not a name of a server', { where: `--server ${wrong}`, fix: ADD })
  if (days !== undefined && !/^[1-9]\d{0,4}$/.test(days))
    throw new ToolwardenError('USAGE', 'expected a number of days', { where: '--days', fix: `${ADD} --days 30` })
  const nowMicros = systemClock().nowMicros()
  const [first, ...more] = server ?? []
  const { token, info } = await createToken(
    await callersFile(flags),
    {
      subject: principal,
      scopes: ['call'],
      ...(first === undefined ? {} : { servers: [first, ...more] as const }),
      ...(days === undefined ? {} : { expiresMicros: nowMicros + Number(days) * DAY_MICROS }),
    },
    { nowMicros, randomBytes },
  )
  if (flags.json === true) return print(JSON.stringify({ token, ...info }))
  print(`${token}\n`)
  process.stderr.write(`toolwarden: token ${info.id} of ${principal}; it is shown this once\n`)
}

/** Prints all tokens without their secret part. */
export async function listCallerTokens(flags: TokenFlags): Promise<void> {
  const tokens = await listTokens(await callersFile(flags))
  if (flags.json === true) return print(JSON.stringify({ tokens }))
  for (const { id, subject, servers, expiresAt } of tokens)
    print([id, subject, servers?.join(',') ?? 'all servers', expiresAt ?? 'no expiry'].join('  '))
}

/** Removes a token; it is refused from the next request on. */
export async function revokeCallerToken(id: string, flags: TokenFlags): Promise<void> {
  const { subject } = await revokeToken(await callersFile(flags), id)
  print(flags.json === true ? JSON.stringify({ id, subject }) : `revoked ${id} of ${subject}`)
}

async function callersFile({ config }: TokenFlags): Promise<string> {
  const { data, log } = await loadConfig(process.env, config)
  return (await ensureInstallation(data, log)).callersFile
}

function print(text: string): void {
  process.stdout.write(`${text.trimEnd()}\n`)
}
