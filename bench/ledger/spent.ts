// Time spent, on the wall and on processors (all threads, ClickHouse's too), and how it is printed.

/** What some work took. */
export interface Spent {
  readonly wallMs: number
  readonly processorMs: number
}

/** Runs work and takes its times. */
export async function spend(work: () => Promise<unknown>): Promise<Spent> {
  const before = process.cpuUsage()
  const startedMs = performance.now()
  await work()
  const wallMs = performance.now() - startedMs
  const { user, system } = process.cpuUsage(before)
  return { wallMs, processorMs: (user + system) / 1000 }
}

/** The sum of two. */
export function addSpent(one: Spent, other: Spent): Spent {
  return { wallMs: one.wallMs + other.wallMs, processorMs: one.processorMs + other.processorMs }
}

/** The fastest of several rounds, each time by itself. */
export function leastSpent(rounds: readonly Spent[]): Spent {
  return {
    wallMs: Math.min(...rounds.map(({ wallMs }) => wallMs)),
    processorMs: Math.min(...rounds.map(({ processorMs }) => processorMs)),
  }
}

/** One line: events a second by the clock, and a second of processor time. */
export function printRate(name: string, events: number, { wallMs, processorMs }: Spent): void {
  print(name, `${rate(events, wallMs)} events/s, ${rate(events, processorMs)} a second of processor`)
}

/** One line. */
export function print(name: string, text: string): void {
  process.stdout.write(`${name.padEnd(44)} ${text}\n`)
}

function rate(events: number, ms: number): string {
  return Math.round((events / ms) * 1000)
    .toLocaleString('en')
    .padStart(9)
}
