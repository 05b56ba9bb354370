// Times of one decision, by the clock and by the processor: on a busy machine the clock says what others do, too.

/** Median and 99th percentile of the clock's times, and the median of the processor's; microseconds. */
export interface Times {
  readonly p50: number
  readonly p99: number
  readonly worst: number
  readonly processorP50: number
}

/** Runs a decision many times, one after the other. */
export function measure(decide: () => unknown, count: number): Times {
  const wall: number[] = []
  const processor: number[] = []
  for (let run = 0; run < count; run += 1) {
    const used = process.cpuUsage()
    const start = process.hrtime.bigint()
    decide()
    wall.push(Number(process.hrtime.bigint() - start) / 1_000)
    const { user, system } = process.cpuUsage(used)
    processor.push(user + system)
  }
  wall.sort((a, b) => a - b)
  processor.sort((a, b) => a - b)
  const at = (times: readonly number[], share: number): number => times[Math.floor(times.length * share)] ?? 0
  return { p50: at(wall, 0.5), p99: at(wall, 0.99), worst: wall.at(-1) ?? 0, processorP50: at(processor, 0.5) }
}
