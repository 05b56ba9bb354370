// ClickHouse's HTTP interface over chDB: the same engine behind real HTTP, for tests of the server's path where no server is.
// https://clickhouse.com/docs/interfaces/http: the statement in the URL or the body, param_* values, database, basic
// authentication, error statuses. Requests run one after the other; settings in the URL are refused, as ours stand in the SQL.
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import { systemCode } from '../../events/errors.ts'

/** A running front. */
export interface ClickHouseHttp {
  readonly url: string
  /** Makes the next statement that contains a text fail: the connection is cut before or after it ran. */
  cutNext(containing: string, when: 'before' | 'after'): void
  /** Statements that came, without their data. */
  readonly statements: readonly string[]
  close(): Promise<void>
}

/** Where chDB's data is, and who may ask. */
export interface ClickHouseHttpOptions {
  readonly directory: string
  readonly user: string
  readonly password: string
}

/** Error codes with a status of their own (src/Server/HTTP/exceptionCodeToHTTPStatus.cpp); the rest are 500. */
const STATUSES: Readonly<Record<string, number>> = {
  '62': 400,
  '47': 404,
  '60': 404,
  '81': 404,
  '516': 403,
  '497': 403,
}
/** What the client itself puts into the URL beside the statement and its parameters. */
const CLIENT_PARAMETERS = new Set(['query', 'query_id', 'database', 'default_format'])

interface Cut {
  readonly containing: string
  readonly when: 'before' | 'after'
}

interface Statement {
  readonly sql: string
  readonly data: string
  readonly parameters: URLSearchParams
}

type Run = (sql: string) => Promise<string>

/** Starts the front on a free port of 127.0.0.1. */
export async function startClickHouseHttp(options: ClickHouseHttpOptions): Promise<ClickHouseHttp> {
  const { createChdbConnection } = await import('chdb/connection')
  const connection = createChdbConnection({ path: options.directory })
  const run: Run = async (sql) => (await connection.chdb.queryAsync(sql)).text()
  const front = new Front(options, run)
  const server = createServer((request, response) => front.accept(request, response))
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  const { port } = server.address() as AddressInfo
  return {
    url: `http://127.0.0.1:${port}`,
    statements: front.statements,
    cutNext: (containing, when) => front.cutNext({ containing, when }),
    close: async () => {
      await closeServer(server)
      await connection.close()
    },
  }
}

class Front {
  readonly statements: string[] = []
  readonly #options: ClickHouseHttpOptions
  readonly #run: Run
  #cut: Cut | undefined
  /** All requests so far: chDB's session holds the database and the parameters of one at a time. */
  #queue: Promise<void> = Promise.resolve()

  constructor(options: ClickHouseHttpOptions, run: Run) {
    this.#options = options
    this.#run = run
  }

  cutNext(cut: Cut): void {
    this.#cut = cut
  }

  accept(request: IncomingMessage, response: ServerResponse): void {
    this.#queue = this.#queue
      .then(() => this.#answer(request, response))
      .catch((error: unknown) => {
        // A client that ended in the middle of its request: nothing ran.
        if (systemCode(error) !== 'ECONNRESET') throw error
      })
  }

  async #answer(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const statement = await readStatement(request)
    if (!this.#isAllowed(request)) return sendError(response, 516, 'Authentication failed')
    const unknown = [...statement.parameters.keys()].find(
      (name) => !CLIENT_PARAMETERS.has(name) && !name.startsWith('param_'),
    )
    if (unknown !== undefined) return sendError(response, 115, `Setting ${unknown} in the URL`)
    this.statements.push(statement.sql)
    const cut = this.#takeCut(statement.sql)
    if (cut === 'before') return void request.socket.destroy()
    const result = await this.#execute(statement)
    if (cut === 'after') return void request.socket.destroy()
    if ('code' in result) sendError(response, result.code, result.message)
    else response.writeHead(200, { 'content-type': 'text/plain; charset=UTF-8' }).end(result.text)
  }

  async #execute({ sql, data, parameters }: Statement): Promise<{ text: string } | { code: number; message: string }> {
    try {
      await this.#run(`USE ${parameters.get('database') ?? 'default'}`)
      for (const [name, value] of parameters)
        if (name.startsWith('param_')) await this.#run(`SET ${name} = ${literal(value)}`)
      return { text: await this.#run(data === '' ? sql : `${sql}\n${data}`) }
    } catch (error) {
      const { clickhouseCode, message } = error as { clickhouseCode?: number; message: string }
      return { code: clickhouseCode ?? 1001, message }
    }
  }

  #takeCut(sql: string): Cut['when'] | undefined {
    const cut = this.#cut
    if (cut === undefined || !sql.includes(cut.containing)) return undefined
    this.#cut = undefined
    return cut.when
  }

  #isAllowed(request: IncomingMessage): boolean {
    const { user, password } = this.#options
    return request.headers.authorization === `Basic ${Buffer.from(`${user}:${password}`).toString('base64')}`
  }
}

async function readStatement(request: IncomingMessage): Promise<Statement> {
  const chunks: Buffer[] = []
  for await (const chunk of request) chunks.push(chunk as Buffer)
  const body = Buffer.concat(chunks).toString('utf8')
  const { searchParams: parameters } = new URL(request.url ?? '/', 'http://localhost')
  const inUrl = parameters.get('query')
  return inUrl === null ? { sql: body, data: '', parameters } : { sql: inUrl, data: body, parameters }
}

function sendError(response: ServerResponse, code: number, message: string): void {
  const headers = { 'content-type': 'text/plain; charset=UTF-8', 'x-clickhouse-exception-code': String(code) }
  const text = message.startsWith('Code:') ? message : `Code: ${code}. DB::Exception: ${message} (FRONT)`
  response.writeHead(STATUSES[String(code)] ?? 500, headers).end(text)
}

function literal(text: string): string {
  return `'${text.replaceAll('\\', '\\\\').replaceAll("'", "\\'")}'`
}

async function closeServer(server: Server): Promise<void> {
  server.closeAllConnections()
  await new Promise<void>((resolve, reject) =>
    server.close((error) => (error === undefined ? resolve() : reject(error))),
  )
}
