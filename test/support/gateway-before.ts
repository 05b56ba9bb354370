// A real gateway that allows everything, before any server: as an HTTP listener, or as the command of a stdio client.
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { type Background, startBackground } from './background.ts'
import { commandFile } from './command.ts'

const ALLOW_ALL = 'version: "1"\ndefault: allow\nrules: []\n'

/** A data directory and the gateways that were started on it. */
export class GatewayBefore {
  readonly directory = mkdtempSync(join(tmpdir(), 'toolwarden-before-'))
  readonly environment: NodeJS.ProcessEnv
  readonly #policy = join(this.directory, 'policy.yaml')
  readonly #config = join(this.directory, 'toolwarden.yaml')
  readonly #started: Background[] = []

  /** `config` is the text of a toolwarden.yaml. */
  constructor(environment: NodeJS.ProcessEnv = {}, config = '') {
    this.environment = { TOOLWARDEN_DATA: join(this.directory, 'data'), ...environment }
    writeFileSync(this.#policy, ALLOW_ALL)
    writeFileSync(this.#config, config)
  }

  /** The command that a stdio client starts instead of the server's. */
  command(server: readonly string[]): readonly string[] {
    return [process.execPath, commandFile, 'gateway', ...this.#flags, '--', ...server]
  }

  /** Starts a listener before a URL or a command and resolves with its URL. */
  async listen(server: string | readonly string[]): Promise<{ readonly url: string; readonly pid: number }> {
    const upstream = typeof server === 'string' ? ['--upstream', server] : ['--', ...server]
    const flags = [...this.#flags, '--listen', '127.0.0.1:0', '--anonymous']
    const command = [process.execPath, commandFile, 'gateway', ...flags, ...upstream]
    const started = await startBackground(command, /serving (http:\S+)/, this.environment)
    this.#started.push(started)
    return { url: started.match[1] ?? '', pid: started.pid }
  }

  /** Ends what was started. */
  async stop(): Promise<void> {
    await Promise.all(this.#started.splice(0).map((started) => started.stop()))
  }

  /** Ends what was started and removes the directory. */
  async remove(): Promise<void> {
    await this.stop()
    rmSync(this.directory, { recursive: true, force: true, maxRetries: 5 })
  }

  get #flags(): readonly string[] {
    return ['--config', this.#config, '--policy', this.#policy, '--name', 'before']
  }
}
