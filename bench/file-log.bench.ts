// What an append to the embedded log costs against a bare write and fdatasync of as many bytes, and how long it takes
// until a reader has it. Rounds are interleaved, so that a busy disk slows both. Run: node dist/bench/file-log.bench.js
import { mkdtemp, open, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { FileLog } from '../events/file-log.ts'

const ROUNDS = 20
const APPENDS_PER_ROUND = 100
const RECORD_BYTES = 1_024
const RECORDS = 2

const root = await mkdtemp(join(process.env.BENCH_DIRECTORY ?? tmpdir(), 'toolwarden-bench-'))
const log = new FileLog({ root })
const bare = await open(join(root, 'bare'), 'w')
const records = Array.from({ length: RECORDS }, () => ({
  key: 'gateway/bench/1',
  value: Buffer.alloc(RECORD_BYTES, 'x'),
  headers: {},
}))
const block = Buffer.alloc(RECORDS * RECORD_BYTES, 'x')
const options = { deadlineMs: 10_000, chain: 'gateway/bench/1' }

const bareMs: number[] = []
const appendMs: number[] = []
for (let round = 0; round < ROUNDS; round += 1) {
  bareMs.push(...(await measure(writeBare)))
  appendMs.push(...(await measure(() => log.append('events', records, options))))
}
const seenMs = await measureDelivery()
await bare.close()
await log.close()
await rm(root, { recursive: true, force: true })

print('write + fdatasync', bareMs)
print('append', appendMs)
print('append until a reader has it', seenMs)
process.stdout.write(`ratio of the medians ${(quantile(appendMs, 0.5) / quantile(bareMs, 0.5)).toFixed(2)}\n`)

async function writeBare(): Promise<void> {
  await bare.write(block)
  await bare.datasync()
}

async function measure(work: () => Promise<unknown>): Promise<number[]> {
  const times: number[] = []
  for (let index = 0; index < APPENDS_PER_ROUND; index += 1) {
    const startedMs = performance.now()
    await work()
    times.push(performance.now() - startedMs)
  }
  return times
}

async function measureDelivery(): Promise<number[]> {
  let seen: () => void = () => undefined
  const subscription = await log.subscribe('events', { from: 'end' }, () => seen())
  const times = await measure(async () => {
    const handedOver = new Promise<void>((resolve) => {
      seen = resolve
    })
    await log.append('events', records, options)
    await handedOver
  })
  await subscription.stop()
  return times
}

function print(name: string, times: readonly number[]): void {
  const [median, high] = [quantile(times, 0.5), quantile(times, 0.99)]
  process.stdout.write(`${name.padEnd(30)} p50 ${median.toFixed(3)} ms  p99 ${high.toFixed(3)} ms  n ${times.length}\n`)
}

function quantile(times: readonly number[], share: number): number {
  const sorted = times.toSorted((left, right) => left - right)
  return sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * share))] ?? Number.NaN
}
