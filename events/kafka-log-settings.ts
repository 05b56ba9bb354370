// What a toolwarden.yaml may say about Kafka, and how it becomes connection options.
// Certificates and passwords are read from their files at each connection, so that both can be renewed under a running program.

import { readFile } from 'node:fs/promises'
import { z } from 'zod'
import { ToolwardenError } from './errors.ts'

const DAY_MS = 24 * 60 * 60 * 1000

const broker = z
  .string()
  .regex(/^[A-Za-z0-9._-]+:\d{1,5}$/, 'a broker is written host:port, for instance kafka-1.example.org:9092')

const tls = z.strictObject({
  /** PEM file of the authorities that the brokers' certificates are checked against; Node's own list unless given. */
  ca: z.string().min(1).optional(),
  /** PEM files of this client's certificate and key, where the brokers ask for one. */
  cert: z.string().min(1).optional(),
  key: z.string().min(1).optional(),
  /** The name that the brokers' certificates must show; the broker's host name unless given. */
  serverName: z.string().min(1).optional(),
  rejectUnauthorized: z.boolean().default(true),
})

const sasl = z
  .strictObject({
    mechanism: z.enum(['plain', 'scram-sha-256', 'scram-sha-512']),
    username: z.string().min(1),
    password: z.string().min(1).optional(),
    /** File whose content, without a trailing line break, is the password. */
    passwordFile: z.string().min(1).optional(),
  })
  .refine((value) => (value.password === undefined) !== (value.passwordFile === undefined), {
    message: 'give one of password and passwordFile',
  })

/** The `kafka:` part of the configuration. */
export const kafkaSettings = z.strictObject({
  brokers: z.array(broker).min(1),
  clientId: z.string().min(1).default('toolwarden'),
  ssl: z.union([z.boolean(), tls]).default(false),
  sasl: sasl.optional(),
  /** Topics are `<prefix>.events`, `<prefix>.control` and `<prefix>.checkpoints`. */
  topicPrefix: z
    .string()
    .regex(/^[A-Za-z0-9._-]{1,200}$/, 'letters, digits, dots, underscores and hyphens')
    .default('toolwarden'),
  /** Copies of each new topic; the broker's default unless given. */
  replicationFactor: z.int().min(1).max(32_767).optional(),
  /** How many copies must have an append before it counts, for new topics; the broker's default unless given. */
  minInSyncReplicas: z.int().min(1).max(32_767).optional(),
  /** Partitions of a new `events` topic; `control` and `checkpoints` have one. */
  partitions: z.int().min(1).max(10_000).default(6),
  /** How long a new `events` topic keeps records. */
  retentionMs: z
    .int()
    .min(60_000)
    .default(7 * DAY_MS),
  /** How long to try to reach the brokers before saying that they are away. */
  connectTimeoutMs: z.int().min(100).max(60_000).default(4_000),
  /** How long a reader waits for an answer before it connects anew. */
  requestTimeoutMs: z.int().min(1_000).max(300_000).default(5_000),
  /** After how long without a sign of life another member of a group takes over its partitions. */
  sessionTimeoutMs: z.int().min(6_000).max(1_800_000).default(10_000),
})

/** The checked `kafka:` part of the configuration. */
export type KafkaSettings = z.output<typeof kafkaSettings>

/** TLS options with the files read. */
export interface TlsMaterial {
  readonly rejectUnauthorized: boolean
  readonly ca?: string
  readonly cert?: string
  readonly key?: string
  readonly servername?: string
}

/** A SASL mechanism with the password read. */
export interface SaslMaterial {
  readonly mechanism: 'plain' | 'scram-sha-256' | 'scram-sha-512'
  readonly username: string
  readonly password: string
}

/** Reads the TLS files that the settings name; throws CONFIG_INVALID naming the file that can't be read. */
export async function readTlsMaterial(settings: KafkaSettings): Promise<TlsMaterial | undefined> {
  const { ssl } = settings
  if (ssl === false) return undefined
  if (ssl === true) return { rejectUnauthorized: true }
  const [ca, cert, key] = await Promise.all([
    readSettingsFile('ssl.ca', ssl.ca),
    readSettingsFile('ssl.cert', ssl.cert),
    readSettingsFile('ssl.key', ssl.key),
  ])
  return {
    rejectUnauthorized: ssl.rejectUnauthorized,
    ...(ca === undefined ? {} : { ca }),
    ...(cert === undefined ? {} : { cert }),
    ...(key === undefined ? {} : { key }),
    ...(ssl.serverName === undefined ? {} : { servername: ssl.serverName }),
  }
}

/** Reads the SASL password if it stands in a file; throws CONFIG_INVALID naming the file that can't be read. */
export async function readSaslMaterial(settings: KafkaSettings): Promise<SaslMaterial | undefined> {
  const { sasl } = settings
  if (sasl === undefined) return undefined
  const fromFile = await readSettingsFile('sasl.passwordFile', sasl.passwordFile)
  const password = sasl.password ?? fromFile?.replace(/\r?\n$/, '') ?? ''
  return { mechanism: sasl.mechanism, username: sasl.username, password }
}

async function readSettingsFile(key: string, path: string | undefined): Promise<string | undefined> {
  if (path === undefined) return undefined
  try {
    return await readFile(path, 'utf8')
  } catch (cause) {
    throw new ToolwardenError('CONFIG_INVALID', `the file of kafka.${key} can't be read`, {
      where: path,
      fix: `put the file there, readable by this user, or change kafka.${key}`,
      cause,
    })
  }
}
