// The real pipeline in a data directory of its own: `up`, any number of gateways before counting servers, the API, verify.
import assert from 'node:assert/strict'
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { readCliToken } from '../../api/cli-token.ts'
import { openBackbone } from '../../cli/backbone.ts'
import { loadConfig } from '../../cli/config.ts'
import { type Installation, openInstallation } from '../../cli/installation.ts'
import type { EventLog } from '../../events/log.ts'
import { CallClient } from './call-client.ts'
import { type CommandEnd, commandFile, RunningCommand, runCommand } from './command.ts'

const countingServer = join(import.meta.dirname, 'counting-server.js')
const PATIENCE_MS = 30_000
const POLL_MS = 50

/** Denies `denied`, allows the rest. */
const POLICY = `version: "1"
default: allow
rules:
  - { id: no, tool: denied, action: deny }
`

/** Suites call as fast as they can, which is what a sweep looks like. */
const CONFIG = `detectors:
  readSpike: { distinctReads: 1000000 }
`

/** An `up` whose API answers. */
export interface RunningUp {
  readonly command: RunningCommand
  readonly url: string
}

/** What a pipeline may be told. */
export interface PipelineOptions {
  readonly environment?: NodeJS.ProcessEnv
  /** More of toolwarden.yaml. */
  readonly config?: string
}

/** One data directory and what runs on it. */
export class Pipeline {
  readonly directory = mkdtempSync(join(tmpdir(), 'toolwarden-real-'))
  readonly data = join(this.directory, 'data')
  readonly configFile = join(this.directory, 'toolwarden.yaml')
  readonly policyFile = join(this.directory, 'policy.yaml')
  /** A line for each call that reached a server. */
  readonly executedFile = join(this.directory, 'executed')
  readonly environment: NodeJS.ProcessEnv
  readonly #clients: CallClient[] = []
  readonly #commands: RunningCommand[] = []

  constructor({ environment = {}, config = '' }: PipelineOptions = {}) {
    // Nothing of the surroundings decides on which log a suite runs.
    const { KAFKA_BROKERS: _, CLICKHOUSE_URL: _url, TOOLWARDEN_CONFIG: _config, ...inherited } = process.env
    const own = { TOOLWARDEN_DATA: this.data, TOOLWARDEN_CONFIG: this.configFile, LOG_LEVEL: 'warn' }
    this.environment = { ...inherited, ...own, ...environment }
    writeFileSync(this.configFile, `${CONFIG}${config}`)
    writeFileSync(this.policyFile, POLICY)
    writeFileSync(this.executedFile, '')
  }

  /** A client of a counting server through a gateway of its own. */
  startGateway(name = 'count', environment: NodeJS.ProcessEnv = {}): CallClient {
    const client = new CallClient([process.execPath, commandFile, ...this.gatewayArguments(name)], {
      ...this.environment,
      ...environment,
    })
    this.#clients.push(client)
    return client
  }

  /** What follows the command line's name for a gateway before a counting server. */
  gatewayArguments(name: string): readonly string[] {
    const server = [process.execPath, countingServer, this.executedFile]
    return ['gateway', '--policy', this.policyFile, '--name', name, '--', ...server]
  }

  /** A process of the command line that is ended with the pipeline. */
  start(args: readonly string[], environment: NodeJS.ProcessEnv = {}): RunningCommand {
    const command = new RunningCommand(args, { ...this.environment, ...environment })
    this.#commands.push(command)
    return command
  }

  /** Starts `up` on a free port; resolves once its API answers. */
  async startUp(): Promise<RunningUp> {
    const command = this.start(['up', '--port', '0'])
    const found = await command.find(/API\s+(http\S+)/)
    assert.ok(found?.[1], `up did not start: ${command.errors}`)
    return { command, url: found[1] }
  }

  /** Ends `up` with SIGTERM; fails where it does not end cleanly. */
  async stopUp({ command }: RunningUp): Promise<void> {
    const { code, errors } = await command.kill('SIGTERM')
    assert.equal(code, 0, errors)
  }

  /** The numbers of the calls that reached a server, in order. */
  get executed(): readonly string[] {
    return readFileSync(this.executedFile, 'utf8').split('\n').slice(0, -1)
  }

  installation(): Promise<Installation> {
    return openInstallation(this.data)
  }

  /** Opens the event log that the pipeline runs on, as the command line would. */
  async openLog(): Promise<EventLog> {
    const config = await loadConfig(this.environment)
    const { eventLog } = await openBackbone(config, await this.installation(), () => undefined)
    return eventLog
  }

  /** One request to the API with the command line's token: a GET, or a POST of a body. */
  async request({ url }: RunningUp, path: string, body?: object): Promise<Response> {
    const token = await readCliToken(join(this.data, 'installation', 'cli.token'))
    const headers = { authorization: `Bearer ${token}` }
    if (body === undefined) return fetch(new URL(path, url), { headers })
    return fetch(new URL(path, url), {
      method: 'POST',
      headers: { ...headers, 'content-type': 'application/json' },
      body: JSON.stringify(body),
    })
  }

  /** The answer of the API to a POST; fails where it is no success. */
  async post<Answer>(up: RunningUp, path: string, body: object): Promise<Answer> {
    const response = await this.request(up, path, body)
    const text = await response.text()
    assert.ok(response.ok, text)
    return JSON.parse(text) as Answer
  }

  /** The answer of the API to a GET; fails where it is not a 200. */
  async get<Answer>(up: RunningUp, path: string): Promise<Answer> {
    const response = await this.request(up, path)
    const text = await response.text()
    assert.equal(response.status, 200, text)
    return JSON.parse(text) as Answer
  }

  /** Runs `toolwarden verify --json`. */
  async verify(): Promise<CommandEnd & { readonly report: VerifyView }> {
    const end = await runCommand(['verify', '--json'], this.environment)
    assert.notEqual(end.output, '', end.errors)
    return { ...end, report: JSON.parse(end.output) as VerifyView }
  }

  /** Resolves when something holds; fails after 30 s, with what `tell` says. */
  async until(holds: () => boolean | Promise<boolean>, tell: () => string = () => ''): Promise<void> {
    const deadline = Date.now() + PATIENCE_MS
    while (!(await holds())) {
      assert.ok(Date.now() < deadline, `waited for too long: ${holds} ${tell()}`)
      await new Promise((resolve) => setTimeout(resolve, POLL_MS))
    }
  }

  /** Kills what still runs. */
  async end(): Promise<void> {
    await Promise.all([...this.#clients, ...this.#commands].map((each) => each.kill('SIGKILL')))
  }

  /** Kills what still runs and removes the directory. */
  async remove(): Promise<void> {
    await this.end()
    rmSync(this.directory, { recursive: true, force: true, maxRetries: 5 })
  }
}

/** The parts of a verification report that suites look at. */
export interface VerifyView {
  readonly verdict: string
  readonly violationCount: number
  readonly violations: readonly { readonly code: string; readonly where: string; readonly text: string }[]
  readonly openCalls: readonly { readonly call: string; readonly state: string }[]
  readonly counts: Readonly<Record<string, number>>
}
