// One configuration for every role: toolwarden.yaml (checked with zod, errors with line and column), then the environment.
// It is never looked for in the working directory: an agent may write there.
import { readFile } from 'node:fs/promises'
import { homedir } from 'node:os'
import { isAbsolute, join, resolve } from 'node:path'
import { LineCounter, parseDocument } from 'yaml'
import { z } from 'zod'
import { apiSettings } from '../api/settings.ts'
import { alertSettings } from '../detectors/delivery/settings.ts'
import { detectorSettings } from '../detectors/settings.ts'
import { sha256 } from '../events/chain.ts'
import { systemCode, ToolwardenError } from '../events/errors.ts'
import { nameField, publicKeyField } from '../events/field.ts'
import { kafkaSettings } from '../events/kafka-log-settings.ts'
import { trustSettings } from '../events/trust-settings.ts'
import { problemAt } from '../gateway/policy/problems.ts'
import { gatewaySettings } from '../gateway/settings.ts'
import { ledgerSettings, retentionSettings } from '../ledger/settings.ts'

const configObject = z.strictObject({
  /** Name of the ledger; in distributed mode the same for every role. */
  log: nameField.optional(),
  /** The data directory. */
  data: z.string().refine(isAbsolute, 'expected an absolute path').optional(),
  durability: z.enum(['disk', 'process']).default('disk'),
  kafka: kafkaSettings.optional(),
  clickhouse: z
    .strictObject({
      url: z
        .url({ protocol: /^https?$/ })
        .refine((url) => !/^\w+:\/\/[^/?#]*@/.test(url), 'user and password have keys of their own'),
      user: z.string().optional(),
      password: z.string().optional(),
      database: z.string().optional(),
    })
    .optional(),
  /** Writers to believe beside the installation's own. */
  trust: trustSettings.default([]),
  /** Enrolment keys of other installations: whose word revokes writers' keys here. */
  enrolment: z.array(publicKeyField).default([]),
  policy: z
    .strictObject({
      /** A policy that may allow more than the one in force waits until an admin has accepted it. */
      protect: z.boolean().default(false),
    })
    .prefault({}),
  gateway: gatewaySettings.prefault({}),
  ledger: ledgerSettings.prefault({}),
  retention: retentionSettings.prefault({}),
  detectors: detectorSettings.prefault({}),
  /** Whom alerts are sent to. */
  alerts: alertSettings.prefault({}),
  api: apiSettings.prefault({}),
})

/** The configuration after defaults and environment. */
export type Config = Omit<z.output<typeof configObject>, 'data'> & {
  readonly data: string
  /** SHA-256 of the file's text and the overrides, for `writer/open`. */
  readonly digest: string
  /** Where the file is, or would be; absolute. */
  readonly file: string
}

/** Reads the configuration. Throws CONFIG_INVALID with every error of the file, or naming the variable. */
export async function loadConfig(environment: NodeJS.ProcessEnv, file?: string): Promise<Config> {
  const set = withoutEmpty(environment)
  const named = file ?? set.TOOLWARDEN_CONFIG
  const defaultData = set.TOOLWARDEN_DATA ?? defaultDataDirectory(set)
  const path = named ?? join(defaultData, 'toolwarden.yaml')
  const settings = parseConfig(await readConfigFile(path, named !== undefined), path)
  const { data, log, kafka, clickhouse, ...rest } = { ...settings, ...fromEnvironment(set, settings) }
  const config = {
    ...rest,
    data: resolve(set.TOOLWARDEN_DATA ?? data ?? defaultData),
    ...(log === undefined ? {} : { log }),
    ...(kafka === undefined ? {} : { kafka }),
    ...(clickhouse === undefined ? {} : { clickhouse }),
  }
  return { ...config, digest: sha256(Buffer.from(JSON.stringify(config, withoutPassword))), file: resolve(path) }
}

/** Whether alerts are sent to anybody. */
export function sendsAlerts({ alerts }: Config): boolean {
  return alerts.webhooks.length > 0 || alerts.siem !== undefined
}

/** Clients and container files set empty variables for what was left blank: empty is not set, never the working directory. */
function withoutEmpty(environment: NodeJS.ProcessEnv): NodeJS.ProcessEnv {
  return Object.fromEntries(Object.entries(environment).filter(([, value]) => value !== ''))
}

/** A digest over a password, or over a token among static fields, could be tried out. */
function withoutPassword(key: string, value: unknown): unknown {
  return key === 'password' || key === 'headers' ? undefined : value
}

function defaultDataDirectory(environment: NodeJS.ProcessEnv): string {
  const home = environment.HOME ?? homedir()
  switch (process.platform) {
    case 'darwin':
      return join(home, 'Library', 'Application Support', 'toolwarden')
    case 'win32':
      return join(environment.LOCALAPPDATA ?? join(home, 'AppData', 'Local'), 'toolwarden')
    default:
      return join(absolute(environment.XDG_DATA_HOME) ?? join(home, '.local', 'share'), 'toolwarden')
  }
}

/** The XDG specification has relative paths ignored. */
function absolute(path: string | undefined): string | undefined {
  return path !== undefined && isAbsolute(path) ? path : undefined
}

async function readConfigFile(path: string, mustExist: boolean): Promise<string> {
  try {
    return await readFile(path, 'utf8')
  } catch (cause) {
    // A file in the directory's place is told where that is made.
    if (!mustExist && ['ENOENT', 'ENOTDIR'].includes(systemCode(cause) ?? '')) return ''
    throw new ToolwardenError(
      'CONFIG_INVALID',
      `the configuration cannot be read: ${systemCode(cause) ?? 'unknown reason'}`,
      { where: path, fix: 'name a file that is there and that you may read: --config or TOOLWARDEN_CONFIG', cause },
    )
  }
}

function parseConfig(text: string, path: string): Settings {
  const lines = new LineCounter()
  const options = { version: '1.2', stringKeys: true, lineCounter: lines, prettyErrors: false } as const
  let document: ReturnType<typeof parseDocument>
  let value: unknown
  try {
    document = parseDocument(text, options)
    value = document.errors.length > 0 ? undefined : document.toJS({ maxAliasCount: 100 })
  } catch (error) {
    // The parser's own limits (nesting, aliases) surface as exceptions.
    if (!(error instanceof Error)) throw error
    throw invalid([`${path}:1:1: the file can't be read: ${error.message}`])
  }
  const source = { file: path, document, lines }
  const syntax = document.errors.map((error) => {
    const { line, col } = lines.linePos(error.pos[0])
    return `${path}:${line}:${col}: ${error.message}`
  })
  if (syntax.length > 0) throw invalid(syntax)
  const result = configObject.safeParse(value ?? {})
  if (result.success) return result.data
  throw invalid(
    result.error.issues.flatMap((issue) => {
      const keys = issue.code === 'unrecognized_keys' ? issue.keys : [undefined]
      return keys.map((key) => {
        const problem = problemAt(
          source,
          key === undefined ? issue.path : [...issue.path, key],
          key === undefined ? issue.message : `unknown key "${key}"`,
        )
        return `${problem.where}: ${problem.message}`
      })
    }),
  )
}

function invalid(problems: readonly string[]): ToolwardenError {
  return new ToolwardenError(
    'CONFIG_INVALID',
    `the configuration has ${problems.length === 1 ? 'an error' : `${problems.length} errors`}\n  ${problems.join('\n  ')}`,
    {
      fix: 'mend the file; docs/configuration.md lists every key',
    },
  )
}

type Settings = z.output<typeof configObject>

/** What the environment says instead of the file. */
function fromEnvironment(
  { KAFKA_BROKERS, CLICKHOUSE_URL, TOOLWARDEN_LOG }: NodeJS.ProcessEnv,
  settings: Settings,
): Partial<Pick<Settings, 'log' | 'kafka' | 'clickhouse'>> {
  const brokers = KAFKA_BROKERS?.split(',').map((broker) => broker.trim())
  return {
    ...(TOOLWARDEN_LOG === undefined ? {} : { log: parseVariable('TOOLWARDEN_LOG', nameField, TOOLWARDEN_LOG) }),
    ...(brokers === undefined
      ? {}
      : { kafka: parseVariable('KAFKA_BROKERS', kafkaSettings, { ...settings.kafka, brokers }) }),
    ...(CLICKHOUSE_URL === undefined
      ? {}
      : { clickhouse: { ...settings.clickhouse, ...parseClickHouseUrl(CLICKHOUSE_URL) } }),
  }
}

function parseVariable<Value>(name: string, schema: z.ZodType<Value>, value: unknown): Value {
  const result = schema.safeParse(value)
  if (result.success) return result.data
  const problems = result.error.issues.map(({ message }) => message).join('; ')
  throw new ToolwardenError('CONFIG_INVALID', `${name} is not valid: ${problems}`, { where: name })
}

/** Takes user and password out of the URL, so that no message ever shows them. */
function parseClickHouseUrl(text: string): NonNullable<Config['clickhouse']> {
  try {
    const url = new URL(text)
    if (!/^https?:$/.test(url.protocol)) throw new TypeError('another protocol')
    const [user, password] = [decodeURIComponent(url.username), decodeURIComponent(url.password)]
    const database = decodeURIComponent(url.pathname.slice(1))
    return {
      url: `${url.origin}/${url.search}`,
      ...(user === '' ? {} : { user }),
      ...(password === '' ? {} : { password }),
      ...(database === '' ? {} : { database }),
    }
  } catch (error) {
    if (!(error instanceof TypeError || error instanceof URIError)) throw error
    // The cause is left out: it quotes the URL, password and all.
    throw new ToolwardenError('CONFIG_INVALID', 'CLICKHOUSE_URL is not an http or https URL', {
      where: 'CLICKHOUSE_URL',
      fix: 'CLICKHOUSE_URL=http://user:password@host:8123/database',
    })
  }
}
