// A program that runs beside a test: started, waited for until it says that it is ready, ended by its own process id.
import { spawn } from 'node:child_process'
import { once } from 'node:events'

const START_TIMEOUT_MS = 30_000
const STOP_TIMEOUT_MS = 5_000

/** A program in the background. */
export interface Background {
  readonly pid: number
  /** What `ready` matched in its output. */
  readonly match: RegExpExecArray
  /** Ends it, by force where it takes longer than five seconds. */
  stop(): Promise<void>
}

/** Starts a program and resolves once its output matches `ready`. */
export async function startBackground(
  command: readonly string[],
  ready: RegExp,
  environment: NodeJS.ProcessEnv = {},
): Promise<Background> {
  const [program = '', ...args] = command
  const child = spawn(program, args, {
    env: { ...process.env, ...environment },
    stdio: ['ignore', 'pipe', 'pipe'],
  })
  const ended = once(child, 'close')
  const stop = async (): Promise<void> => {
    child.kill('SIGTERM')
    const timer = setTimeout(() => child.kill('SIGKILL'), STOP_TIMEOUT_MS)
    await ended
    clearTimeout(timer)
  }
  let output = ''
  const found = new Promise<RegExpExecArray | undefined>((resolve) => {
    const take = (chunk: Buffer): void => {
      // Read to the end, so that it never waits for a full pipe; kept only until it is ready.
      if (output.length < 100_000) output += chunk.toString()
      const match = ready.exec(output)
      if (match !== null) resolve(match)
    }
    child.stdout.on('data', take)
    child.stderr.on('data', take)
    ended.then(() => resolve(undefined)).catch(() => resolve(undefined))
    setTimeout(() => resolve(undefined), START_TIMEOUT_MS).unref()
  })
  const match = await found
  if (match !== undefined && child.pid !== undefined) return { pid: child.pid, match, stop }
  await stop()
  throw new Error(`${command.join(' ')} did not start: ${output}`)
}
