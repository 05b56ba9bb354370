// How many events a second all detectors together judge on one core, and how large their state is, with 10,000 principals and
// 1,000 sessions under way. Events are made beforehand, in pieces that are not timed; checking signatures is another
// matter (bench/ledger.bench.ts). Run: npm run bench:detectors -- [calls] [--json]
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { monitorEventLoopDelay } from 'node:perf_hooks'
import { parseArgs } from 'node:util'
import { createDetectors } from '../detectors/create.ts'
import { type EngineState, initialEngineState, stepEngine } from '../detectors/engine.ts'
import { captureState, RELEASED_EVERY, releaseOlder } from '../detectors/saved-state.ts'
import { detectorSettings } from '../detectors/settings.ts'
import { SnapshotFile } from '../detectors/snapshot.ts'
import { generateEvents, type Moment } from './detectors/generate-events.ts'

const PRINCIPALS = 10_000
const SESSIONS = 1_000
const TARGET_PER_SECOND = 20_000
const PIECE = 300
/** The first calls fill the state and have code compiled. */
const WARM_SHARE = 0.5

const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: { json: { type: 'boolean', default: false } },
})
const calls = Number(positionals[0] ?? 150_000)
const settings = detectorSettings.parse({})
const options = { detectors: createDetectors(settings), feedback: settings.feedback }

let state: EngineState = initialEngineState(options.detectors)
let issues = 0
let judged = 0
let events = 0
let timedEvents = 0
let timedMs = 0
let piece: Moment[] = []
for (const moment of generateEvents({ principals: PRINCIPALS, sessions: SESSIONS, calls })) {
  piece.push(moment)
  if (piece.length < PIECE) continue
  judge(piece)
  piece = []
}
judge(piece)

const bytes = Buffer.byteLength(JSON.stringify(state))
const byDetector = state.detectors.map(
  ({ name, state: own }) => [name, Buffer.byteLength(JSON.stringify(own))] as const,
)
const perSecond = Math.round((timedEvents * 1000) / timedMs)
const saving = await measureSave()
const report = {
  ...{ calls, events, principals: PRINCIPALS, sessions: SESSIONS, issues, eventsPerSecond: perSecond },
  ...{ microsecondsAnEvent: Math.round((timedMs * 10_000) / timedEvents) / 10, stateBytes: bytes },
  stateBytesByDetector: Object.fromEntries([
    ...byDetector,
    ['feedback', Buffer.byteLength(JSON.stringify(state.feedback))],
  ]),
  ...saving,
  residentMegabytes: Math.round(process.memoryUsage().rss / 1e6),
}
if (values.json) console.log(JSON.stringify(report))
else {
  console.log(`${options.detectors.length} detectors, ${PRINCIPALS} principals, ${SESSIONS} sessions under way`)
  console.log(
    `${events} events, the last ${timedEvents} timed: ${perSecond} events/s on one core, target ${TARGET_PER_SECOND}`,
  )
  console.log(
    `state ${(bytes / 1e6).toFixed(1)} MB as JSON, process ${report.residentMegabytes} MB; ${issues} alerts and rules`,
  )
  console.log(`saving it takes ${saving.saveMs} ms, in which others wait for ${saving.longestPauseMs} ms at most`)
  for (const [name, size] of Object.entries(report.stateBytesByDetector))
    console.log(`  ${name.padEnd(22)}${(size / 1e6).toFixed(2).padStart(8)} MB`)
}
if (perSecond < TARGET_PER_SECOND) process.exitCode = 1

function judge(moments: readonly Moment[]): void {
  const startedMicros = process.cpuUsage().user
  for (const { observed, nowMs } of moments) {
    const step = stepEngine(state, observed, { nowMs, options })
    state = step.state
    issues += step.issues.length
    if (++judged % RELEASED_EVERY === 0) releaseOlder(state)
  }
  events += moments.length
  if (events < calls * 3 * WARM_SHARE) return
  timedMs += (process.cpuUsage().user - startedMicros) / 1000
  timedEvents += moments.length
}

/** How long the state takes to be saved, and for how long nothing else could run meanwhile. */
async function measureSave(): Promise<{ readonly saveMs: number; readonly longestPauseMs: number }> {
  const directory = await mkdtemp(join(tmpdir(), 'toolwarden-bench-'))
  const delay = monitorEventLoopDelay({ resolution: 1 })
  const startedMs = performance.now()
  delay.enable()
  const book = { positions: [], chains: [] }
  const engine = captureState(state) as EngineState
  await new SnapshotFile(directory, 'bench').save({ book, engine, outbox: [], ruleRecords: [] })
  delay.disable()
  const saveMs = Math.round(performance.now() - startedMs)
  await rm(directory, { recursive: true })
  return { saveMs, longestPauseMs: Math.round(delay.max / 1e6) }
}
