// One configuration for every role: toolwarden.yaml (checked with zod, errors with line and column), then the environment.
// It is never looked for in the working directory: an agent may write there.
import { readFile } from 'node:fs/promises'
import { homedir } from 'node:os'
import { join, resolve } from 'node:path'
import { LineCounter, parseDocument } from 'yaml'
import { z } from 'zod'
import { apiSettings } from '../api/settings.ts'
import { detectorSettings } from '../detectors/settings.ts'
import { sha256 } from '../events/chain.ts'
import { systemCode, ToolwardenError } from '../events/errors.ts'
import { nameField } from '../events/field.ts'
import { kafkaSettings } from '../events/kafka-log-settings.ts'
import { trustSettings } from '../events/trust.ts'
import { problemAt } from '../gateway/policy/problems.ts'
import { gatewaySettings } from '../gateway/settings.ts'

const configObject = z.strictObject({
  /** Name of the ledger; in distributed mode the same for every role. */
  log: nameField.optional(),
  /** The data directory, absolute. */
  data: z.string().min(1).optional(),
  durability: z.enum(['disk', 'process']).default('disk'),
  kafka: kafkaSettings.optional(),
  clickhouse: z
    .strictObject({
      url: z.url(),
      user: z.string().optional(),
      password: z.string().optional(),
      database: z.string().optional(),
    })
    .optional(),
  /** Writers to believe beside the installation's own. */
  trust: trustSettings.default([]),
  gateway: gatewaySettings.prefault({}),
  detectors: detectorSettings.prefault({}),
  api: apiSettings.prefault({}),
})

/** The configuration after defaults and environment. */
export type Config = Omit<z.output<typeof configObject>, 'data'> & {
  readonly data: string
  /** SHA-256 of the file's text and the overrides, for `writer/open`. */
  readonly digest: string
}

/** Reads the configuration. Throws CONFIG_INVALID with every error of the file. */
export async function loadConfig(environment: NodeJS.ProcessEnv, file?: string): Promise<Config> {
  const named = file ?? environment.TOOLWARDEN_CONFIG
  const defaultData = environment.TOOLWARDEN_DATA ?? defaultDataDirectory(environment)
  const path = named ?? join(defaultData, 'toolwarden.yaml')
  const text = await readConfigFile(path, named !== undefined)
  const settings = parseConfig(text, path)
  const overrides = fromEnvironment(environment)
  const data = resolve(environment.TOOLWARDEN_DATA ?? settings.data ?? defaultData)
  const kafka =
    overrides.brokers === undefined
      ? settings.kafka
      : kafkaSettings.parse({ ...settings.kafka, brokers: overrides.brokers })
  const clickhouse =
    overrides.clickhouse === undefined ? settings.clickhouse : { ...settings.clickhouse, ...overrides.clickhouse }
  const { data: _, kafka: __, clickhouse: ___, log, ...rest } = settings
  const named_ = environment.TOOLWARDEN_LOG ?? log
  return {
    ...rest,
    data,
    digest: sha256(Buffer.from(text)),
    ...(named_ === undefined ? {} : { log: named_ }),
    ...(kafka === undefined ? {} : { kafka }),
    ...(clickhouse === undefined ? {} : { clickhouse }),
  }
}

function defaultDataDirectory(environment: NodeJS.ProcessEnv): string {
  const home = environment.HOME ?? homedir()
  switch (process.platform) {
    case 'darwin':
      return join(home, 'Library', 'Application Support', 'toolwarden')
    case 'win32':
      return join(environment.LOCALAPPDATA ?? join(home, 'AppData', 'Local'), 'toolwarden')
    default:
      return join(environment.XDG_DATA_HOME ?? join(home, '.local', 'share'), 'toolwarden')
  }
}

async function readConfigFile(path: string, mustExist: boolean): Promise<string> {
  try {
    return await readFile(path, 'utf8')
  } catch (cause) {
    if (!mustExist && systemCode(cause) === 'ENOENT') return ''
    throw new ToolwardenError(
      'CONFIG_INVALID',
      `the configuration cannot be read: ${systemCode(cause) ?? 'unknown reason'}`,
      { where: path, cause },
    )
  }
}

function parseConfig(text: string, path: string): z.output<typeof configObject> {
  const lines = new LineCounter()
  const document = parseDocument(text, { version: '1.2', stringKeys: true, lineCounter: lines, prettyErrors: false })
  const source = { file: path, document, lines }
  const syntax = document.errors.map((error) => {
    const { line, col } = lines.linePos(error.pos[0])
    return `${path}:${line}:${col}: ${error.message}`
  })
  if (syntax.length > 0) throw invalid(syntax)
  const result = configObject.safeParse(document.toJS({ maxAliasCount: 100 }) ?? {})
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

function fromEnvironment({ KAFKA_BROKERS, CLICKHOUSE_URL }: NodeJS.ProcessEnv): {
  brokers?: string[]
  clickhouse?: NonNullable<Config['clickhouse']>
} {
  const brokers = KAFKA_BROKERS?.split(',')
    .map((broker) => broker.trim())
    .filter((broker) => broker !== '')
  return {
    ...(brokers === undefined || brokers.length === 0 ? {} : { brokers }),
    ...(CLICKHOUSE_URL === undefined || CLICKHOUSE_URL === ''
      ? {}
      : { clickhouse: parseClickHouseUrl(CLICKHOUSE_URL) }),
  }
}

/** Takes user and password out of the URL, so that no message ever shows them. */
function parseClickHouseUrl(text: string): NonNullable<Config['clickhouse']> {
  if (!URL.canParse(text))
    throw new ToolwardenError('CONFIG_INVALID', 'CLICKHOUSE_URL is not a URL', {
      fix: 'CLICKHOUSE_URL=http://user:password@host:8123/database',
    })
  const url = new URL(text)
  const { username, password } = url
  const database = url.pathname.slice(1)
  url.username = url.password = ''
  url.pathname = '/'
  return {
    url: url.href,
    ...(username === '' ? {} : { user: decodeURIComponent(username) }),
    ...(password === '' ? {} : { password: decodeURIComponent(password) }),
    ...(database === '' ? {} : { database }),
  }
}
