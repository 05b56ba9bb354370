// `toolwarden pin`: which definitions of tools gateways saw, which of them are held, and approving them, through the API that
// runs on the same data directory.
import { ToolwardenError } from '../events/errors.ts'
import { visible } from '../events/visible.ts'
import { type ApiAccess, findApiAccess } from './api-access.ts'
import { callApi } from './api-client.ts'

/** Options as commander gives them. */
export interface PinFlags {
  readonly config?: string
  readonly json?: boolean
  readonly server?: string
  readonly all?: boolean
  readonly reason?: string
}

interface Pin {
  readonly server: string
  readonly tool: string
  readonly state: 'pinned' | 'changed' | 'new'
  readonly digest?: string
  readonly pinned?: string
  readonly approved?: { readonly by: string; readonly at: string }
}

/** The most definitions of one request. */
const MAX_APPROVED = 1_000
const APPROVE = 'toolwarden pin approve <server>/<tool> --reason <text>'

/** Prints every definition with its state. Throws STORE_UNAVAILABLE where no API runs. */
export async function listPins(flags: PinFlags): Promise<void> {
  const items = await fetchPins(await connect(flags), flags.server)
  if (flags.json === true) return void process.stdout.write(`${JSON.stringify({ pins: items })}\n`)
  const whose = flags.server === undefined ? '' : ` of ${JSON.stringify(flags.server)}`
  if (items.length === 0) process.stdout.write(`no gateway has seen a tool${whose} yet\n`)
  for (const { server, tool, state, digest = '', pinned = '', approved } of items) {
    const digests =
      state === 'changed' ? `${pinned.slice(0, 12)} -> ${digest.slice(0, 12)}` : (digest || pinned).slice(0, 12)
    const who = approved === undefined ? '' : `  approved by ${visible(approved.by)}`
    process.stdout.write(`${state.padEnd(8)} ${visible(server)}/${visible(tool)}  ${digests}${who}\n`)
  }
}

/** Approves what was seen last: of one tool, or with `--all` everything that is held of a server. */
export async function approvePins(target: string, flags: PinFlags): Promise<void> {
  const { reason } = flags
  if (reason === undefined || reason.trim() === '')
    throw new ToolwardenError('USAGE', 'no reason', { where: '--reason', fix: APPROVE })
  const api = await connect(flags)
  const { server, tool } = readTarget(target, flags.all === true)
  const held = (await fetchPins(api, server)).filter((pin) => {
    return pin.digest !== undefined && (tool === undefined ? pin.state !== 'pinned' : pin.tool === tool)
  })
  if (held.length === 0)
    throw new ToolwardenError('USAGE', 'no such definition was seen', {
      where: target,
      fix: 'toolwarden pin list; a server is listed once a client has asked it for its tools through a gateway',
    })
  const tools = held.map(({ tool: name, digest }) => ({ tool: name, digest: digest ?? '' }))
  await approveDefinitions(api, { server, tools, reason, json: flags.json === true })
}

/** Finds the API. Throws STORE_UNAVAILABLE where none runs. */
export function connect({ config }: Pick<PinFlags, 'config'>): Promise<ApiAccess> {
  return findApiAccess(config, 'toolwarden up, then again: an approval is recorded before it counts')
}

/** Approves definitions and prints what was. */
export async function approveDefinitions(
  { url, token }: ApiAccess,
  { server, tools, reason, json }: { server: string; tools: readonly object[]; reason: string; json: boolean },
): Promise<void> {
  const items: Pin[] = []
  for (let from = 0; from < tools.length; from += MAX_APPROVED) {
    const body = { server, tools: tools.slice(from, from + MAX_APPROVED), reason }
    const answer = await callApi<{ items: Pin[] }>(url, '/v1/pins/approve', { method: 'POST', token, body })
    items.push(...answer.items)
  }
  if (json) return void process.stdout.write(`${JSON.stringify({ pins: items })}\n`)
  for (const { tool, digest = '' } of items)
    process.stdout.write(`approved ${visible(server)}/${visible(tool)}  ${digest.slice(0, 12)}\n`)
}

async function fetchPins({ url, token }: ApiAccess, server: string | undefined): Promise<readonly Pin[]> {
  const query = server === undefined ? '' : `?${new URLSearchParams({ server }).toString()}`
  return (await callApi<{ items: readonly Pin[] }>(url, `/v1/pins${query}`, { method: 'GET', token })).items
}

/** A server's name holds no slash; a tool's may. */
function readTarget(target: string, isAll: boolean): { readonly server: string; readonly tool: string | undefined } {
  const slash = target.indexOf('/')
  if (isAll && slash === -1 && target !== '') return { server: target, tool: undefined }
  if (!isAll && slash > 0 && slash < target.length - 1)
    return { server: target.slice(0, slash), tool: target.slice(slash + 1) }
  throw new ToolwardenError('USAGE', isAll ? 'expected a server with --all' : 'expected <server>/<tool>', {
    where: target,
    fix: isAll ? 'toolwarden pin approve <server> --all --reason <text>' : APPROVE,
  })
}
