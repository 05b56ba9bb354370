// Runs the real command line, `dist/cli/main.js`: to its end, or as a service that is told to stop.
import { type ChildProcess, spawn } from 'node:child_process'
import { join } from 'node:path'

/** The compiled command line. */
export const commandFile = join(import.meta.dirname, '..', '..', 'cli', 'main.js')

/** How a command ended and what it wrote. */
export interface CommandEnd {
  readonly code: number | null
  readonly signal: NodeJS.Signals | null
  readonly output: string
  readonly errors: string
}

/** A command that runs. */
export class RunningCommand {
  readonly child: ChildProcess
  readonly ended: Promise<CommandEnd>
  output = ''
  errors = ''
  #isOver = false
  #looking: (() => void)[] = []

  constructor(args: readonly string[], environment: NodeJS.ProcessEnv) {
    this.child = spawn(process.execPath, [commandFile, ...args], {
      env: environment,
      stdio: ['ignore', 'pipe', 'pipe'],
    })
    this.child.stdout?.on('data', (chunk: Buffer) => {
      this.output += chunk.toString()
      this.#wake()
    })
    this.child.stderr?.on('data', (chunk: Buffer) => {
      this.errors += chunk.toString()
      this.#wake()
    })
    this.ended = new Promise((resolve) => {
      this.child.once('close', (code, signal) => {
        this.#isOver = true
        this.#wake()
        resolve({ code, signal, output: this.output, errors: this.errors })
      })
    })
  }

  get isOver(): boolean {
    return this.#isOver
  }

  /** The first match in what it wrote to stdout or stderr; undefined where it ended before. */
  async find(pattern: RegExp): Promise<RegExpExecArray | undefined> {
    for (;;) {
      const found = pattern.exec(this.output) ?? pattern.exec(this.errors)
      if (found !== null) return found
      if (this.#isOver) return undefined
      await new Promise<void>((resolve) => {
        this.#looking.push(resolve)
      })
    }
  }

  kill(signal: NodeJS.Signals): Promise<CommandEnd> {
    this.child.kill(signal)
    return this.ended
  }

  #wake(): void {
    for (const wake of this.#looking.splice(0)) wake()
  }
}

/** Runs a command to its end. */
export function runCommand(args: readonly string[], environment: NodeJS.ProcessEnv): Promise<CommandEnd> {
  return new RunningCommand(args, environment).ended
}
