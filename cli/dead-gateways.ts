// What gateways that were killed have left, ended by whoever starts next on the installation: here by the ledger's process,
// since a gateway of the same server may never be started again.
import { ChainWriter } from '../events/chain-writer.ts'
import { describeError } from '../events/errors.ts'
import { listSpooledWriters } from '../events/spool.ts'
import { systemClock } from '../events/time.ts'
import { closeDeadRuns } from '../gateway/close-dead-runs.ts'
import type { Backbone } from './backbone.ts'
import type { Config } from './config.ts'
import type { Installation } from './installation.ts'
import { spoolDirectory } from './spool-directory.ts'
import { softwareName } from './version.ts'

/** What closing needs. */
export interface DeadGatewaysOptions {
  readonly config: Config
  readonly installation: Installation
  readonly backbone: Backbone
  readonly warn: (text: string) => void
  readonly signal: AbortSignal
}

/**
 * Closes what each dead run left, in a run of its writer of its own; nothing is written where nothing is left. What one
 * writer left and can't be closed keeps no other's open: it is told, and tried again at the next start.
 */
export async function closeDeadGateways(options: DeadGatewaysOptions): Promise<void> {
  const { config, warn, signal } = options
  for (const writer of await listSpooledWriters(spoolDirectory(config)))
    if (writer.startsWith('gateway/') && !signal.aborted)
      await closeWriter(writer, options).catch((error: unknown) => warn(`${writer}: ${describeError(error)}`))
}

async function closeWriter(
  writer: string,
  { config, installation, backbone, warn, signal }: DeadGatewaysOptions,
): Promise<void> {
  const { eventLog, log, trust } = backbone
  let chainWriter: ChainWriter | undefined
  try {
    await closeDeadRuns({
      ...{ spoolRoot: spoolDirectory(config), writer, eventLog, log, trust, signal },
      append: (entries) => {
        chainWriter ??= new ChainWriter({
          ...{ eventLog, clock: systemClock(), log, writer, key: installation.keys.gateway },
          opening: { software: softwareName(), configuration: config.digest },
        })
        return chainWriter.append(entries, { patient: true })
      },
      refused: ({ directory }, reason) => warn(`not taken from ${directory}: ${reason}`),
    })
  } finally {
    await chainWriter?.close()
  }
}
