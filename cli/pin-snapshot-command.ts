// `toolwarden pin --from-server <command|url>`: approves what a server lists now, before any client meets it.
import { ToolwardenError } from '../events/errors.ts'
import { askServer } from './asked-server.ts'
import { approveDefinitions, connect, type PinFlags } from './pin-command.ts'
import { readServerDefinitions } from './server-definitions.ts'

/** Options as commander gives them. */
export interface SnapshotFlags extends PinFlags {
  readonly fromServer?: string
  readonly name?: string
}

const EXAMPLE =
  'toolwarden pin --from-server "npx -y @modelcontextprotocol/server-filesystem /srv" --reason "read them"'

/** Asks the server, approves, and prints what was approved. Throws USAGE, UPSTREAM_UNAVAILABLE, STORE_UNAVAILABLE. */
export async function pinFromServer(flags: SnapshotFlags): Promise<void> {
  const { fromServer, reason, json } = flags
  if (fromServer === undefined || fromServer.trim() === '')
    throw new ToolwardenError('USAGE', 'no server to ask', { where: '--from-server', fix: EXAMPLE })
  if (reason === undefined || reason.trim() === '')
    throw new ToolwardenError('USAGE', 'no reason', { where: '--reason', fix: EXAMPLE })
  // First of all: nothing is started for an approval that could not be recorded.
  const api = await connect(flags)
  const { name, answer: tools } = await askServer(fromServer, flags, readServerDefinitions)
  if (tools.length === 0)
    throw new ToolwardenError('UPSTREAM_UNAVAILABLE', 'the server lists no tools', { where: fromServer })
  await approveDefinitions(api, { server: name, tools, reason, json: json === true })
}
