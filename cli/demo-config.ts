// The demo's configuration: the user's, with a data directory, a port and, on a broker whose topics are in use, topics of
// its own. It is written down, so that the gateway that the client starts reads the same.
import { randomBytes } from 'node:crypto'
import { writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { type Config, loadConfig } from './config.ts'
import type { DemoStage } from './demo-stage.ts'
import { privateDirectory } from './installation.ts'

/** The configuration, and the environment in which a gateway finds it. */
export interface DemoConfig {
  readonly config: Config
  readonly environment: NodeJS.ProcessEnv
}

/** Makes the configuration. Throws what Kafka's first use throws. */
export async function demoConfig(stage: DemoStage): Promise<DemoConfig> {
  const loaded = await loadConfig({ ...process.env, TOOLWARDEN_DATA: stage.data })
  const { kafka, clickhouse, durability, log, trust } = loaded
  const own = kafka === undefined ? undefined : { ...kafka, topicPrefix: await freePrefix(kafka) }
  const database = `toolwarden_demo_${randomBytes(4).toString('hex')}`
  const settings = {
    durability,
    trust,
    ...(log === undefined ? {} : { log }),
    ...(own === undefined ? {} : { kafka: own }),
    ...(clickhouse === undefined ? {} : { clickhouse: { ...clickhouse, database } }),
    api: { port: 0 },
  }
  await privateDirectory(stage.data)
  const file = join(stage.data, 'toolwarden.yaml')
  // JSON is YAML; the file may hold a broker's password.
  await writeFile(file, JSON.stringify(settings), { mode: 0o600 })
  const environment = { ...process.env, TOOLWARDEN_DATA: stage.data, TOOLWARDEN_CONFIG: file, CLICKHOUSE_URL: '' }
  return { config: await loadConfig(environment), environment }
}

/** The usual topics where they are empty: another ledger's events in them would be refused one by one, with alerts. */
async function freePrefix(kafka: NonNullable<Config['kafka']>): Promise<string> {
  const { KafkaLog } = await import('../events/kafka-log.ts')
  const eventLog = new KafkaLog({ settings: kafka })
  try {
    let records = 0
    const reading = await eventLog.latest('control', () => {
      records++
    })
    await reading.caughtUp
    await reading.stop()
    return records === 0 ? kafka.topicPrefix : `${kafka.topicPrefix}-demo-${randomBytes(4).toString('hex')}`
  } finally {
    await eventLog.close()
  }
}
