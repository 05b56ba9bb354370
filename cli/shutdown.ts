// How processes of this program end: on SIGTERM and SIGINT once, cleanly; a gateway as its server ended.
import type { ProcessEnd } from '../gateway/stdio/server-process.ts'

/** How long a clean stop may take before the process ends all the same. */
export const STOP_DEADLINE_MS = 10_000

/** Resolves at the first SIGTERM or SIGINT; a second one ends the process at once. */
export function stopRequested(): Promise<NodeJS.Signals> {
  return new Promise((resolve) => {
    const onSignal = (signal: NodeJS.Signals): void => {
      process.once('SIGTERM', endNow).once('SIGINT', endNow)
      setTimeout(endNow, STOP_DEADLINE_MS).unref()
      resolve(signal)
    }
    process.once('SIGTERM', onSignal).once('SIGINT', onSignal)
  })
}

/** Ends this process with another one's exit code or signal. */
export function endLike(end: ProcessEnd): void {
  if ('code' in end) {
    process.exit(end.code)
  }
  for (const name of ['SIGTERM', 'SIGINT', 'SIGHUP'] as const) process.removeAllListeners(name)
  process.kill(process.pid, end.signal)
}

function endNow(): void {
  process.exit(1)
}
