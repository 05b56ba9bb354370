// How processes of this program end: on SIGTERM and SIGINT once, cleanly; a gateway as its server ended.
import { constants } from 'node:os'
import type { ProcessEnd } from '../gateway/stdio/server-process.ts'

/** How long a clean stop may take before the process ends all the same. */
const STOP_DEADLINE_MS = 10_000
/** How long a signal to this process itself may take to end it. */
const SIGNAL_GRACE_MS = 200

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

/** Ends this process with what it has to say, whatever may still be on its way and holds it up. */
export function endSoon(): void {
  setTimeout(() => process.exit(), SIGNAL_GRACE_MS).unref()
}

/** Ends this process with another one's exit code or signal; the caller has flushed what it wrote. */
export function endLike(end: ProcessEnd): void {
  if ('code' in end) process.exit(end.code)
  // Node ignores the one and starts its debugger at the other: the shell's code for them then.
  const exitCode = 128 + (constants.signals[end.signal] ?? 0)
  if (end.signal === 'SIGPIPE' || end.signal === 'SIGUSR1') process.exit(exitCode)
  process.removeAllListeners(end.signal)
  process.kill(process.pid, end.signal)
  setTimeout(() => process.exit(exitCode), SIGNAL_GRACE_MS)
}

function endNow(): void {
  process.exit(1)
}
