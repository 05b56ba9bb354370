// How much later does a client see the first `initialize` answer through a gateway? (target: 150 ms at the median)
// Direct and gateway starts take turns, so that what else the machine does weighs on both. `node dist/bench/gateway-start.bench.js [runs]`
import { StdioHarness } from '../test/support/stdio-harness.ts'

const runs = Number(process.argv[2] ?? 21)
const TARGET_MS = 150

const harness = new StdioHarness()
const times: Record<'direct' | 'gateway', number[]> = { direct: [], gateway: [] }
try {
  // The first start makes the installation and fills the disk's cache.
  await measure('gateway')
  for (let run = 0; run < runs; run++)
    for (const way of ['direct', 'gateway'] as const) times[way].push(await measure(way))
} finally {
  await harness.remove()
}
const [direct, gateway] = [median(times.direct), median(times.gateway)]
console.log(
  `initialize answered after (ms, median of ${runs}): direct ${direct.toFixed(0)}, gateway ${gateway.toFixed(0)}`,
)
console.log(`later by ${(gateway - direct).toFixed(0)} ms, target ${TARGET_MS}`)
if (gateway - direct > TARGET_MS) process.exitCode = 1

async function measure(way: 'direct' | 'gateway'): Promise<number> {
  const started = performance.now()
  const client = harness[way]()
  await client.initialize()
  const millis = performance.now() - started
  await client.end()
  return millis
}

function median(values: readonly number[]): number {
  return values.toSorted((a, b) => a - b)[Math.floor(values.length / 2)] ?? 0
}
