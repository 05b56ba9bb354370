// Opens the event log that the configuration names: files in the data directory, or Kafka.
import { join } from 'node:path'
import { isRecordLongOver } from '../events/control-expiry.ts'
import { FileLog } from '../events/file-log.ts'
import type { EventLog } from '../events/log.ts'
import type { Trust } from '../events/trust.ts'
import type { Config } from './config.ts'
import type { Installation } from './installation.ts'
import { openTrust } from './open-trust.ts'

/** The folder of the embedded log in the data directory. */
const LOG_FOLDER = 'log'

/** Where the embedded log is. */
export function embeddedLogRoot({ data }: Pick<Config, 'data'>): string {
  return join(data, LOG_FOLDER)
}

/** How long the same warning is not said again. */
const REPEAT_MS = 60_000
/** How many warnings are remembered. */
const MAX_REMEMBERED = 100

/** An event log, and how to say where it is. */
export interface Backbone {
  readonly eventLog: EventLog
  /** Name of the ledger. */
  readonly log: string
  readonly trust: Trust
  readonly isDistributed: boolean
  /** For people; never with a password. */
  readonly where: string
}

/** Opens the log; Kafka's topics are made at first use, so that a broker that is away is told where it matters. */
export async function openBackbone(
  config: Config,
  installation: Installation,
  warn: (text: string) => void,
): Promise<Backbone> {
  const log = config.log ?? installation.log
  const trust = openTrust(config, installation)
  if (config.kafka === undefined) {
    const root = embeddedLogRoot(config)
    return {
      eventLog: new FileLog({
        root,
        memory: join(installation.directory, 'log.id'),
        durability: config.durability,
        isOver: (record, nowMs) => isRecordLongOver(record, nowMs * 1000),
      }),
      log,
      trust,
      isDistributed: false,
      where: root,
    }
  }
  const { KafkaLog } = await import('../events/kafka-log.ts')
  return {
    eventLog: new KafkaLog({ settings: config.kafka, warn: sparingly(warn) }),
    log,
    trust,
    isDistributed: true,
    where: `Kafka at ${config.kafka.brokers.join(', ')}`,
  }
}

/** A client says many times a second that its broker is away. */
function sparingly(warn: (text: string) => void): (text: string) => void {
  const saidAt = new Map<string, number>()
  return (text) => {
    const nowMs = performance.now()
    if (nowMs - (saidAt.get(text) ?? Number.NEGATIVE_INFINITY) < REPEAT_MS) return
    if (saidAt.size >= MAX_REMEMBERED) saidAt.clear()
    saidAt.set(text, nowMs)
    warn(text)
  }
}
