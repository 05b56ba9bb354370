// What a run's chain is written with.
import type { KeyPair } from './keys.ts'
import type { EventLog } from './log.ts'
import type { Spool } from './spool.ts'
import type { Clock } from './time.ts'

/** What a run starts from. */
export interface ChainWriterOptions {
  readonly eventLog: EventLog
  /** Takes what is patient while the log is out; without one it waits in memory. */
  readonly spool?: Spool | undefined
  readonly clock: Clock
  /** Name of the ledger. */
  readonly log: string
  /** `role/name`. */
  readonly writer: string
  /** The writer's long-lived key; it certifies the run's own key and is not used again. */
  readonly key: KeyPair
  /** Further fields of `writer/open`: name and version, digest of the configuration, policy hash. */
  readonly opening: { readonly software: string; readonly configuration: string; readonly policy?: string }
  /** How long the log may take for one append, how long to wait before the next, and how long `close` waits for the log. */
  readonly deadlineMs?: number
  readonly retryMs?: number
  readonly closeDeadlineMs?: number
}
