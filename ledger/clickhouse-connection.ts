// Where the SQL goes: chDB, ClickHouse in this process, over a directory; or a ClickHouse server over HTTP.
// The only file that knows the two apart. chDB is loaded when it is needed: libchdb is 566 MB.
import { resolve } from 'node:path'
import { Readable } from 'node:stream'
import { type ClickHouseClient, createClient } from '@clickhouse/client'
import { type DirectoryLock, lockDirectory } from '../events/directory-lock.ts'
import { systemCode, ToolwardenError } from '../events/errors.ts'
import { storeError } from './clickhouse-errors.ts'
import type { QueryParameters } from './store.ts'

/** Where the store is. */
export type ClickHouseSettings =
  | {
      /** chDB's directory; made (0700) when it is not there. One process at a time. */
      readonly directory: string
      readonly database?: string | undefined
    }
  | {
      /** `http://host:8123` or `https://…` */
      readonly url: string
      readonly user?: string | undefined
      readonly password?: string | undefined
      readonly database?: string | undefined
      readonly requestTimeoutMs?: number | undefined
    }

/** Runs SQL, one statement after the other. */
export interface ClickHouseSession {
  /** A statement without an answer. */
  command(sql: string, parameters?: QueryParameters): Promise<void>
  /** `sql` ends with FORMAT …; `rows` is the data in that format. */
  insert(sql: string, rows: string): Promise<void>
  select<Row>(sql: string, parameters: QueryParameters): Promise<readonly Row[]>
}

/** An open store: one session each for ingest and for the lanes of readers, so that none waits for another. */
export interface ClickHouseConnection {
  readonly ingest: ClickHouseSession
  readonly query: ClickHouseSession
  readonly verify: ClickHouseSession
  /** The place, for messages; without a password. */
  readonly where: string
  close(): Promise<void>
}

type InjectedConnection = NonNullable<NonNullable<Parameters<typeof createClient>[0]>['connection']>

const DEFAULT_DATABASE = 'toolwarden'
const REQUEST_TIMEOUT_MS = 30_000
const DATABASE_NAME = /^[A-Za-z_][A-Za-z0-9_]{0,62}$/

/** Opens the store and creates its database. Throws STORE_LOCKED, STORE_UNAVAILABLE, STORE_INVALID, DEPENDENCY_MISSING, CONFIG_INVALID. */
export async function openClickHouse(settings: ClickHouseSettings): Promise<ClickHouseConnection> {
  const database = settings.database ?? DEFAULT_DATABASE
  // It stands in SQL where no parameter can.
  if (!DATABASE_NAME.test(database))
    throw new ToolwardenError('CONFIG_INVALID', `not a database name: ${JSON.stringify(database)}`, {
      fix: 'use letters, digits and underscores',
    })
  return 'directory' in settings
    ? openChdb(settings.directory, database)
    : openServer({ ...settings, database, requestTimeoutMs: settings.requestTimeoutMs ?? REQUEST_TIMEOUT_MS })
}

/** chDB's directories that this process holds, by path: the lock is the process's, whatever number of stores it opens there. */
const heldDirectories = new Map<string, { readonly lock: DirectoryLock; stores: number }>()

function holdDirectory(directory: string): DirectoryLock {
  const path = resolve(directory)
  const held = heldDirectories.get(path) ?? { lock: lockDirectory(path), stores: 0 }
  heldDirectories.set(path, held)
  held.stores++
  return {
    release: () => {
      held.stores--
      if (held.stores > 0) return
      heldDirectories.delete(path)
      held.lock.release()
    },
  }
}

async function openChdb(directory: string, database: string): Promise<ClickHouseConnection> {
  const createChdbConnection = await loadChdb()
  const lock = holdDirectory(directory)
  const clients: ClickHouseClient[] = []
  const session = async (): Promise<ClickHouseSession> => {
    // Declared twice, in client and client-common, with the same text: the compiler holds them for different.
    const connection = createChdbConnection({ path: directory }) as unknown as InjectedConnection
    const client = createClient({ connection })
    clients.push(client)
    const opened = sessionOf(client, directory)
    await opened.command(`CREATE DATABASE IF NOT EXISTS ${database}`)
    await opened.command(`USE ${database}`)
    return opened
  }
  try {
    const [ingest, query, verify] = [await session(), await session(), await session()]
    return { ingest, query, verify, where: directory, close: () => closeAll(clients, lock) }
  } catch (cause) {
    await closeAll(clients, lock)
    if (cause instanceof ToolwardenError) throw cause
    throw new ToolwardenError('STORE_INVALID', "chDB can't open its directory", {
      where: directory,
      fix: 'look for another process that uses it (fuser), for its rights and for free disk',
      cause,
    })
  }
}

async function loadChdb(): Promise<typeof import('chdb/connection').createChdbConnection> {
  try {
    return (await import('chdb/connection')).createChdbConnection
  } catch (cause) {
    const missing = ['ERR_MODULE_NOT_FOUND', 'MODULE_NOT_FOUND'].includes(systemCode(cause) ?? '')
    throw new ToolwardenError(
      'DEPENDENCY_MISSING',
      missing ? 'chDB is not installed' : "chDB can't be loaded on this machine",
      { fix: 'npm install chdb (Linux with glibc, macOS), or set CLICKHOUSE_URL to a ClickHouse server', cause },
    )
  }
}

interface Server {
  readonly url: string
  readonly user?: string | undefined
  readonly password?: string | undefined
  readonly database: string
  readonly requestTimeoutMs: number
}

async function openServer(server: Server): Promise<ClickHouseConnection> {
  const { where, ...options } = serverOptions(server)
  const first = createClient(options)
  try {
    await sessionOf(first, where).command(`CREATE DATABASE IF NOT EXISTS ${server.database}`)
  } finally {
    await first.close()
  }
  const clients = [0, 1, 2].map(() => createClient({ ...options, database: server.database }))
  const [ingest, query, verify] = clients.map((client) => sessionOf(client, where))
  if (ingest === undefined || query === undefined || verify === undefined)
    throw new ToolwardenError('INTERNAL', 'no sessions')
  return { ingest, query, verify, where, close: () => closeAll(clients) }
}

function serverOptions(server: Server) {
  let url: URL
  try {
    url = new URL(server.url)
  } catch {
    throw new ToolwardenError('CONFIG_INVALID', 'the address of the ClickHouse server is not a URL', {
      where: 'CLICKHOUSE_URL',
      fix: 'write it like http://localhost:8123',
    })
  }
  const username = server.user ?? (decodeURIComponent(url.username) || 'default')
  const password = server.password ?? decodeURIComponent(url.password)
  return {
    where: url.origin,
    url: `${url.origin}${url.pathname}`,
    username,
    password,
    request_timeout: server.requestTimeoutMs,
    application: 'toolwarden',
    // Settings stand in the SQL alone: on chDB those of the client persist and reach later statements.
    clickhouse_settings: {},
    log: { level: 127 as const },
  }
}

function sessionOf(client: ClickHouseClient, where: string): ClickHouseSession {
  const wrapped = async <T>(work: () => Promise<T>): Promise<T> => {
    try {
      return await work()
    } catch (cause) {
      throw storeError(cause, where)
    }
  }
  return {
    command: (sql, parameters = {}) =>
      wrapped(async () => {
        await client.command({ query: sql, query_params: { ...parameters } })
      }),
    insert: (sql, rows) =>
      wrapped(async () => {
        const values = Readable.from([rows], { objectMode: false })
        const { stream } = await client.exec({ query: sql, values })
        // Read to its end: a server may report a failure after it began to answer.
        for await (const _ of stream);
      }),
    select: <Row>(sql: string, parameters: QueryParameters) =>
      wrapped(async () => {
        const result = await client.query({ query: sql, format: 'JSONEachRow', query_params: { ...parameters } })
        return await result.json<Row>()
      }),
  }
}

async function closeAll(clients: readonly ClickHouseClient[], lock?: DirectoryLock): Promise<void> {
  await Promise.all(clients.map((client) => client.close()))
  lock?.release()
}
