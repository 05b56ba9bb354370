// `toolwarden policy held` and `accept`: changes of policies that may allow more and wait for an admin (`policy.protect`), through
// the API that runs on the same data directory.
import { ToolwardenError } from '../events/errors.ts'
import type { EventOf } from '../events/event.ts'
import { visible } from '../events/visible.ts'
import { type ApiAccess, findApiAccess } from './api-access.ts'
import { callApi } from './api-client.ts'

/** Options as commander gives them. */
export interface PolicyAcceptFlags {
  readonly config?: string
  readonly server?: string
  readonly reason?: string
  readonly json?: boolean
}

type Held = EventOf<'policy/held'>

/** How many events are looked through: what was held longer ago is held again when its gateway starts. */
const MAX_LOOKED = 200
const MIN_PREFIX = 8
const EXAMPLE = 'toolwarden policy accept <hash> --reason <text>'

/** Prints what was held, the newest first. Throws STORE_UNAVAILABLE where no API runs. */
export async function listHeld(flags: PolicyAcceptFlags): Promise<void> {
  const held = await findHeld(await connect(flags), flags.server)
  const shown = held.map(({ server, policy, inForce, time, count, widenings }) => {
    return { server, policy, inForce, at: time, count, widenings }
  })
  if (flags.json === true) return print(JSON.stringify({ held: shown }))
  if (shown.length === 0) print('no policy was held')
  for (const { server, policy, inForce, at, count, widenings } of shown) {
    const [first] = widenings
    print(`${policy.slice(0, 12)}  ${visible(server)}  ${at}  in force ${inForce.slice(0, 12)}`)
    print(`  may allow more in ${count} way(s), first: ${visible(first?.rule ?? '')}: ${visible(first?.why ?? '')}`)
  }
}

/** Accepts a change, of one server or of each that holds it. Throws USAGE, STORE_UNAVAILABLE, and what the API answers. */
export async function acceptPolicy(hash: string, flags: PolicyAcceptFlags): Promise<void> {
  const { reason } = flags
  if (reason === undefined || reason.trim() === '')
    throw new ToolwardenError('USAGE', 'no reason', { where: '--reason', fix: EXAMPLE })
  const api = await connect(flags)
  const found = (await findHeld(api, flags.server)).filter(
    ({ policy }) => hash.length >= MIN_PREFIX && policy.startsWith(hash),
  )
  if (found.length === 0 || new Set(found.map(({ policy }) => policy)).size > 1)
    throw new ToolwardenError('USAGE', found.length === 0 ? 'no such policy is held' : 'several policies begin so', {
      where: hash,
      fix: 'toolwarden policy held; a hash is named by at least eight of its characters',
    })
  const accepted: object[] = []
  for (const { server, policy, inForce: replaces } of found) {
    const body = { server, policy, replaces, reason }
    accepted.push(await callApi(api.url, '/v1/policies/accept', { method: 'POST', token: api.token, body }))
    if (flags.json !== true)
      print(`accepted for ${visible(server)}: ${policy.slice(0, 12)}, after ${replaces.slice(0, 12)}`)
  }
  if (flags.json === true) print(JSON.stringify({ accepted }))
}

/** The newest of each server. */
async function findHeld({ url, token }: ApiAccess, server: string | undefined): Promise<readonly Held[]> {
  const of = server === undefined ? '' : `&server=${encodeURIComponent(server)}`
  const { items } = await callApi<{ readonly items: readonly { readonly event: Held }[] }>(
    url,
    `/v1/events?type=policy/held&limit=${MAX_LOOKED}${of}`,
    { method: 'GET', token },
  )
  const newest = new Map<string, Held>()
  for (const { event } of items) {
    const key = JSON.stringify([event.server, event.policy])
    if (!newest.has(key)) newest.set(key, event)
  }
  return [...newest.values()]
}

function connect({ config }: PolicyAcceptFlags): Promise<ApiAccess> {
  return findApiAccess(config, 'toolwarden up, then again: what is accepted is recorded')
}

function print(text: string): void {
  process.stdout.write(`${text}\n`)
}
