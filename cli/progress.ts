// Progress of long work: one line on stderr, rewritten in place, and only where stderr is a terminal.

const EVERY_MS = 100

/** A line that is rewritten. */
export interface Progress {
  update(done: number, total: number): void
  end(): void
}

/** Starts the line of some work. */
export function showProgress(what: string, stream: NodeJS.WriteStream = process.stderr): Progress {
  let shownAt = 0
  let shown = false
  return {
    update: (done, total) => {
      const now = performance.now()
      if (!stream.isTTY || (now - shownAt < EVERY_MS && done < total)) return
      shownAt = now
      shown = true
      const share = total === 0 ? 100 : Math.floor((100 * done) / total)
      stream.write(`\r${what} ${String(share).padStart(3)}% (${done} of ${total})`)
    },
    end: () => {
      if (shown) stream.write('\r\u001b[2K')
    },
  }
}
