// What the demo shows: one line for each thing that happens, with the seconds since the start.

const COLOURS = {
  plain: '',
  good: '\u001b[32m',
  bad: '\u001b[31m',
  warn: '\u001b[33m',
  head: '\u001b[1m',
  dim: '\u001b[2m',
} as const
const RESET = '\u001b[0m'

/** How a line is meant. */
export type Tone = keyof typeof COLOURS

/** Writes the demo's lines; colours only on a terminal. */
export class DemoScreen {
  readonly #write: (text: string) => void
  readonly #colours: boolean
  readonly #started = performance.now()
  #step = 0
  /** What did not show what it must; the demo's exit status. */
  readonly failures: string[] = []

  constructor(write: (text: string) => void, colours: boolean) {
    this.#write = write
    this.#colours = colours
  }

  /** A new step. */
  step(title: string): void {
    this.#write(`\n${this.#paint('head', `${++this.#step}. ${title}`)}\n`)
  }

  /** Something that happened; `label` is at most ten characters. */
  line(label: string, text: string, tone: Tone = 'plain'): void {
    const seconds = ((performance.now() - this.#started) / 1000).toFixed(1).padStart(5)
    this.#write(`${this.#paint('dim', `${seconds}s`)}  ${this.#paint(tone, label.padEnd(10))} ${text}\n`)
  }

  /** Something that must hold. */
  check(holds: boolean, text: string): void {
    if (!holds) this.failures.push(text)
    this.line(holds ? 'ok' : 'FAILED', text, holds ? 'good' : 'bad')
  }

  #paint(tone: Tone, text: string): string {
    return this.#colours && COLOURS[tone] !== '' ? `${COLOURS[tone]}${text}${RESET}` : text
  }
}
