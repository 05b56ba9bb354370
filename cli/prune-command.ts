// `toolwarden prune`: whole months of the ledger go, through the API that runs on the same data directory.
import { ask, reasonOf } from './erase-command.ts'

/** Options as commander gives them. */
export interface PruneFlags {
  readonly config?: string
  readonly json?: boolean
  readonly before?: string
  readonly reason?: string
  readonly dryRun?: boolean
}

interface Pruned {
  readonly before: string
  readonly events: number
  readonly payloads: number
  readonly quarantined: number
  readonly minIndex: number
  readonly held: readonly { readonly hold: string; readonly events: number; readonly reason: string }[]
  readonly event?: string
}

/** Prunes, or counts. Throws USAGE, STORE_UNAVAILABLE where no API runs, and what the API answers. */
export async function runPrune(flags: PruneFlags): Promise<void> {
  const { before, dryRun = false, json } = flags
  const reason = dryRun ? (flags.reason ?? 'dry run') : reasonOf(flags)
  const answer = await ask<Pruned>(flags, '/v1/prunings', { before, reason, dryRun })
  process.stdout.write(json === true ? `${JSON.stringify(answer)}\n` : describe(answer, dryRun))
}

function describe({ before, events, payloads, quarantined, minIndex, held, event }: Pruned, isDryRun: boolean): string {
  const done = isDryRun ? 'would prune' : 'pruned'
  const lines = [
    `${done} ${events} events, ${payloads} payloads and ${quarantined} quarantined from before ${before.slice(0, 7)}`,
    ...(event === undefined ? [] : [`  event ${event}; the first leaf whose event stays is ${minIndex}`]),
    ...held.map((each) => `  ${each.events} under hold ${each.hold}: ${JSON.stringify(each.reason)}`),
  ]
  return `${lines.join('\n')}\n`
}
