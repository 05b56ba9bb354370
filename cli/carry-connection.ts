// Carries one connection over stdin and stdout from the moment its server runs. The rest of the program, which decides and
// records, is loaded while the server's first answer passes.
import { closeSync } from 'node:fs'
import { describeError } from '../events/errors.ts'
import type { ConnectionBase } from '../gateway/connection.ts'
import type { ProcessEnd, ServerProcess } from '../gateway/stdio/server-process.ts'
import { StdioGateway } from '../gateway/stdio/stdio-gateway.ts'
import type { GatewayFlags, OpenedServer } from './gateway-command.ts'
import type { OpenedRun } from './gateway-run.ts'

/** Runs until the server has ended. Throws what keeps the run from being opened; the server then still runs. */
export async function carryConnection(
  flags: GatewayFlags,
  { server, context, ...opened }: OpenedServer & { readonly context: ConnectionBase },
): Promise<ProcessEnd> {
  const opening = openLater(flags, { ...opened, context })
  const gateway = createGateway(opening, server, context)
  const end = await Promise.race([gateway.run(), failureOf(opening)])
  await (await opening).close()
  return end
}

/** Loads in parts: each holds up the event loop for some 50 ms, and the server's first answer passes in between. */
async function openLater(
  flags: GatewayFlags,
  server: Omit<OpenedServer, 'server'> & { readonly context: ConnectionBase },
): Promise<OpenedRun> {
  await import('../events/event.ts')
  await turn()
  await import('./config.ts')
  await turn()
  const { openRun } = await import('./gateway-run.ts')
  await turn()
  return openRun(flags, server)
}

/** Resolves when what waited in the event loop has been handled. */
function turn(): Promise<void> {
  return new Promise((resolve) => setImmediate(resolve))
}

/** Governed requests and events wait until the run is open; where it can't be opened, they wait for the end. */
function createGateway(opening: Promise<OpenedRun>, server: ServerProcess, context: ConnectionBase): StdioGateway {
  const opened = opening.then(
    ({ run }) => run,
    () => new Promise<never>(() => undefined),
  )
  const gateway = new StdioGateway({
    context,
    gate: {
      admit: async (request, waiter) => (await opened).gate.admit(request, waiter),
      settle: async (call, outcome) => (await opened).gate.settle(call, outcome),
    },
    pins: { listed: async (listing) => (await opened).pins.listed(listing) },
    recorder: { note: async (draft) => (await opened).recorder.note(draft) },
    server,
    client: { input: process.stdin, output: process.stdout },
    fail: (error) => {
      process.stderr.write(`toolwarden: ${describeError(error)}\n`)
    },
  })
  // Node lets go of stdin without closing it: the client would write on into a pipe that nobody reads.
  process.stdin.once('close', () => closeSync(0))
  for (const signal of ['SIGTERM', 'SIGINT', 'SIGHUP'] as const) process.on(signal, () => gateway.stop(signal))
  return gateway
}

/** Rejects where the run can't be opened; never resolves. */
async function failureOf(opening: Promise<OpenedRun>): Promise<never> {
  await opening
  return new Promise(() => undefined)
}
