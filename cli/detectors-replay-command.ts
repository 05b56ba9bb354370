// `toolwarden detectors replay` and `tune`: the detectors over history, without effects, before they are switched on or changed.
import { createDetectors } from '../detectors/create.ts'
import { DetectorReplay, type ReplayTotals } from '../detectors/replay.ts'
import { type TunedValue, Tuning } from '../detectors/tuning.ts'
import { visible } from '../events/visible.ts'
import { loadConfig } from './config.ts'
import { type EventSource, openRecordedEvents } from './recorded-events.ts'
import { readRange } from './time-range.ts'

/** Options as commander gives them. */
export interface OverHistoryFlags {
  readonly from?: string
  readonly to?: string
  readonly config?: string
  readonly json?: boolean
}

const SHOWN_ALERTS = 20

/** Replays or tunes, and prints. Throws USAGE, CONFIG_INVALID, STORE_*, LOG_*. */
export async function runOverHistory(way: 'replay' | 'tune', flags: OverHistoryFlags): Promise<void> {
  const range = readRange(flags)
  const config = await loadConfig(process.env, flags.config)
  const source = await openRecordedEvents(config, range)
  const text =
    way === 'tune' ? await tune(source, config.detectors, flags) : await replay(source, config.detectors, flags)
  process.stdout.write(`${text}\n`)
}

type Settings = Awaited<ReturnType<typeof loadConfig>>['detectors']

async function replay(source: EventSource, settings: Settings, { json }: OverHistoryFlags): Promise<string> {
  const { feedback } = settings
  const run = new DetectorReplay({ detectors: createDetectors(settings), feedback }, feedback)
  await takeAll(source, run)
  const totals = run.totals()
  if (json !== true) return describeReplay(source.where, totals)
  const alerts = totals.alerts.map(({ atMs, alert }) => ({ at: new Date(atMs).toISOString(), ...alert }))
  return JSON.stringify({ history: source.where, ...totals, alerts })
}

async function tune(source: EventSource, settings: Settings, { json }: OverHistoryFlags): Promise<string> {
  const run = new Tuning(settings)
  await takeAll(source, run)
  const results = run.results()
  return json === true
    ? JSON.stringify({ history: source.where, thresholds: results })
    : describeTuning(source.where, results)
}

async function takeAll({ batches }: EventSource, run: Pick<DetectorReplay, 'take'>): Promise<void> {
  for await (const batch of batches) for (const { observed, nowMs } of batch) run.take(observed, nowMs)
}

function describeReplay(where: string, totals: ReplayTotals): string {
  const { events, calls, sessions, sessionsDenied, sessionsHeld, byDetector, alerts } = totals
  if (events === 0) return `no event is recorded in ${where}`
  const rows = Object.entries(byDetector).map(([name, tally]) =>
    row(name, [tally.alerts, tally.rules, tally.denied, tally.held]),
  )
  const shown = alerts.slice(0, SHOWN_ALERTS).map(({ atMs, alert }) => {
    return `  ${new Date(atMs).toISOString().slice(0, 19)}Z  ${alert.severity}  ${alert.detector}: ${alert.explanation}`
  })
  return [
    `${calls} calls of ${sessions} sessions (${events} events) of ${where}`,
    `  sessions with a call denied: ${sessionsDenied}, held for approval: ${sessionsHeld}`,
    row('detector', ['alerts', 'rules', 'denied', 'held']),
    ...rows,
    ...(shown.length === 0 ? [] : ['alerts', ...shown]),
    ...(alerts.length > SHOWN_ALERTS ? [`  … ${alerts.length - SHOWN_ALERTS} more (--json)`] : []),
  ]
    .map(visible)
    .join('\n')
}

function describeTuning(where: string, results: readonly TunedValue[]): string {
  return [
    `${where}; * is what is set`,
    row('threshold', ['value', 'alerts', 'rules', 'denied', 'held', 'sessions']),
    ...results.map(({ threshold, value, isSet, alerts, rules, denied, held, sessionsDenied, sessionsHeld }) => {
      const touched = `${sessionsDenied}+${sessionsHeld}`
      return row(threshold, [`${value}${isSet ? '*' : ' '}`, alerts, rules, denied, held, touched])
    }),
    'sessions: with a call denied + with one held',
  ].join('\n')
}

function row(name: string, cells: readonly (string | number)[]): string {
  return `  ${name.padEnd(42)}${cells.map((cell) => String(cell).padStart(10)).join('')}`
}
