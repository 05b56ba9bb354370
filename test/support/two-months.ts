// A ledger with something of two months, and the word by which the older one goes.
import { formatTime } from '../../events/time.ts'
import type { RepairBench } from './repair-bench.ts'
import { RunBuilder } from './run-builder.ts'

const AUGUST = Date.UTC(2026, 7, 20) * 1000
/** What was stored before goes; microseconds since 1970. */
export const SEPTEMBER = Date.UTC(2026, 8, 1) * 1000
/** When the younger part is stored. */
export const OCTOBER = Date.UTC(2026, 9, 20) * 1000

/** A clock that goes on from a time. */
export function clockAt(micros: number) {
  const began = Date.now()
  return { nowMicros: () => micros + (Date.now() - began) * 1000, monotonicMicros: () => performance.now() * 1000 }
}

/** One run of August with a hundred calls, one that goes on in October, and one of October. */
export async function beginTwoMonthsOn(stage: RepairBench): Promise<void> {
  await stage.bench.begin()
  stage.clear()
  const { gateway } = stage.bench.keys
  const old = new RunBuilder({ seed: 1, key: gateway })
  const both = new RunBuilder({ seed: 2, key: gateway, writer: 'gateway/both' })
  for (const run of [old, both]) stage.write(run, run.open())
  for (let count = 0; count < 100; count++) stage.write(old, old.call())
  stage.write(both, both.call())
  stage.write(both, both.call({ receipt: false }))
  await stage.runLedger(clockAt(AUGUST))
  const open = both.calls.at(-1)
  stage.write(both, both.closeCall({ call: open?.call ?? '', parent: open?.decide.hash ?? '' }))
  stage.write(both, both.call())
  const young = new RunBuilder({ seed: 3, key: gateway, writer: 'gateway/young' })
  stage.write(young, young.open())
  stage.write(young, young.call())
  await stage.runLedger(clockAt(OCTOBER))
}

/** Says that everything before September goes. */
export async function recordPruneOn(stage: RepairBench, minIndex: number): Promise<void> {
  const api = new RunBuilder({ seed: 9, key: stage.bench.keys.api, writer: 'api/main' })
  stage.write(api, api.open())
  const said = { what: 'months before 2026-09', minIndex, by: 'user:ann', reason: 'retention' }
  stage.write(api, api.draft({ type: 'admin/pruned', before: formatTime(SEPTEMBER), ...said }))
  await stage.runLedger(clockAt(OCTOBER + 60_000_000))
}
