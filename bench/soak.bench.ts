// Does a gateway's memory grow with the calls it has carried, and does its log hold every one of them? A real gateway on the
// embedded log before a real server, 16 calls in flight at full speed; memory (smaps_rollup) after every hundredth part, the
// whole log audited at the end. About 4 kB of disk a call, removed afterwards. Run: npm run soak -- [calls] [stdio|http]
import { growthOf, type MemoryLook, type SoakTransport, soak } from '../test/support/soak.ts'

const calls = Number(process.argv[2] ?? 1_000_000)
const transport: SoakTransport = process.argv[3] === 'http' ? 'http' : 'stdio'
const IN_FLIGHT = 16
const LOOKS = 100
/** Buffers fill and code is compiled in the first calls; growth is asked of what comes after. */
const SETTLED_SHARE = 0.2
/** What a heap may drift, MB in 100,000 calls: a leak of 20 bytes a call would be more. */
const MAX_GROWTH_MEGABYTES = 2
/** What it breathes however few the calls are. */
const MAX_BREATH_MEGABYTES = 8

const { seconds, looks, audit } = await soak({
  ...{ transport, calls, inFlight: IN_FLIGHT, lookEvery: Math.max(1, Math.floor(calls / LOOKS)) },
  onLook: ({ calls: made, resident, proportional }) => {
    if (process.stderr.isTTY) process.stderr.write(`\r${made} calls, RSS ${resident.toFixed(0)} MB `)
    else if (made % (calls / 10) === 0)
      console.log(`${made} calls: RSS ${resident.toFixed(1)} MB, PSS ${proportional.toFixed(1)} MB`)
  },
})
const settled = looks.slice(Math.floor(looks.length * SETTLED_SHARE))
const growth = growthOf(settled)
const half = Math.floor(settled.length / 2)
console.log(`${transport}: ${calls} calls, ${IN_FLIGHT} in flight, ${seconds.toFixed(0)} s, ${rate(calls)} calls/s`)
console.log(
  `RSS: median ${median(settled.slice(0, half))} MB, then ${median(settled.slice(half))} MB, most ${most(looks)} MB`,
)
console.log(`growth: ${growth.toFixed(2)} MB in 100,000 calls, target below ${MAX_GROWTH_MEGABYTES}`)
console.log(
  `log: ${audit.events} events, ${audit.complete} calls whole, ${audit.open} open, ${audit.problemCount} problems`,
)
for (const problem of audit.problems) console.log(`  ${problem}`)
const grown = (growth * settled.length * calls) / LOOKS / 100_000
const hasGrown = growth > MAX_GROWTH_MEGABYTES && grown > MAX_BREATH_MEGABYTES
if (hasGrown || audit.complete !== calls || audit.open + audit.problemCount > 0) process.exitCode = 1

function rate(made: number): string {
  return (made / seconds).toFixed(0)
}

function median(of: readonly MemoryLook[]): string {
  const sorted = of.map(({ resident }) => resident).toSorted((left, right) => left - right)
  return (sorted[Math.floor(sorted.length / 2)] ?? Number.NaN).toFixed(1)
}

function most(of: readonly MemoryLook[]): string {
  return Math.max(...of.map(({ resident }) => resident)).toFixed(1)
}
