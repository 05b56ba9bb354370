// Same log, same alerts and rules: what the running detectors wrote, over restarts with a snapshot at any event and records that
// come again, is what one pure pass over the same records finds; and a state that went through JSON at any event goes on alike.
import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import fc from 'fast-check'
import type { Issue } from '../../detectors/adapt.ts'
import { ChainBook } from '../../detectors/chain-book.ts'
import { createDetectors } from '../../detectors/create.ts'
import type { ObservedEvent } from '../../detectors/detector.ts'
import { type EngineState, initialEngineState, stepEngine } from '../../detectors/engine.ts'
import { detectorSettings } from '../../detectors/settings.ts'
import type { EventOf } from '../../events/event.ts'
import type { StoredRecord } from '../../events/log.ts'
import { parseSignals } from '../../events/signals.ts'
import { RebalancingLog } from './rebalancing-log.ts'
import { RunnerHarness } from './runner-harness.ts'

const SETTINGS = { readSpike: { distinctReads: 3 }, probing: { identicalCalls: 3, onDenials: 'deny' } }

interface Move {
  readonly session: number
  readonly path: number
  readonly tool: string
  readonly decision: 'allow' | 'deny'
  readonly found: number
}

const move: fc.Arbitrary<Move> = fc.record({
  session: fc.nat(2),
  path: fc.nat(6),
  tool: fc.constantFrom('read_file', 'send_message', 'delete_item'),
  decision: fc.constantFrom('allow' as const, 'allow' as const, 'deny' as const),
  found: fc.nat(5),
})
/** Pieces of work, each with a start of the detectors of its own. */
const pieces = fc.array(
  fc.record({
    moves: fc.array(move, { minLength: 1, maxLength: 10 }),
    everyEvents: fc.integer({ min: 1, max: 9 }),
    rebalancing: fc.record({ every: fc.integer({ min: 1, max: 4 }), records: fc.integer({ min: 1, max: 12 }) }),
  }),
  { minLength: 1, maxLength: 3 },
)

describe('same log, same alerts and rules', () => {
  it('over restarts and rebalances at any event', async () => {
    await fc.assert(
      fc.asyncProperty(pieces, async (list) => {
        const harness = await RunnerHarness.create()
        try {
          const gateway = harness.writer()
          for (const { moves, everyEvents, rebalancing } of list) {
            for (const each of moves) await harness.call(gateway, storyOf(each))
            const snapshot = { everyEvents, everySeconds: 3_600 }
            const eventLog = new RebalancingLog(harness.eventLog, rebalancing)
            const running = await harness.detect({ eventLog, settings: { ...SETTINGS, snapshot } })
            await running.live
            await running.stop()
          }
          assert.deepEqual(await saidIn(harness), foundIn(await recordsOf(harness), harness))
        } finally {
          await harness.remove()
        }
      }),
      { numRuns: 15, seed: 20261122 },
    )
  })

  it('from a state that went through JSON at any event', async () => {
    const harness = await RunnerHarness.create()
    try {
      const gateway = harness.writer()
      const moves = fc.sample(move, { numRuns: 40, seed: 7 })
      for (const each of moves) await harness.call(gateway, storyOf(each))
      const moments = observe(await recordsOf(harness), harness)
      const whole = judge(moments, () => false)
      assert.ok(whole.length > 3)
      fc.assert(
        fc.property(fc.array(fc.nat(moments.length - 1), { minLength: 1, maxLength: 5 }), (places) => {
          assert.deepEqual(
            judge(moments, (index) => places.includes(index)),
            whole,
          )
        }),
        { numRuns: 15, seed: 20261122 },
      )
    } finally {
      await harness.remove()
    }
  })
})

/** What a result names, another call may write to. */
function storyOf({ session, path, tool, decision, found }: Move) {
  const names = { path: `/srv/${path}`, ...(tool === 'send_message' ? { to: `u${path}@example.net` } : {}) }
  return {
    session: `s${session}`,
    tool,
    decision,
    arguments: names,
    result: `from u${found}@example.net: code ${found}7F3`,
  }
}

interface Moment {
  readonly observed: ObservedEvent
  readonly nowMs: number
}

async function recordsOf({ eventLog }: RunnerHarness): Promise<readonly StoredRecord[]> {
  const found: StoredRecord[] = []
  const subscription = await eventLog.subscribe(
    'events',
    { from: 'beginning' },
    (records) => void found.push(...records),
  )
  await subscription.caughtUp
  await subscription.stop()
  return found.filter(({ key }) => key.startsWith('gateway/'))
}

function observe(records: readonly StoredRecord[], { trust }: RunnerHarness): readonly Moment[] {
  return new ChainBook({ log: 'test', trust }).verify(records).map((verdict, index) => {
    assert.ok(verdict.outcome === 'accepted')
    const { event, hash, chain, headers } = verdict
    const signals = headers.signals === undefined ? {} : { signals: parseSignals(headers.signals) }
    return { observed: { event, hash, chain, ...signals }, nowMs: records[index]?.timeMs ?? 0 }
  })
}

/** All issues of one pure pass. */
function judge(moments: readonly Moment[], isSaved: (index: number) => boolean): readonly Issue[] {
  const settings = detectorSettings.parse(SETTINGS)
  const options = { detectors: createDetectors(settings), feedback: settings.feedback }
  let state: EngineState = initialEngineState(options.detectors)
  return moments.flatMap(({ observed, nowMs }, index) => {
    if (isSaved(index)) state = initialEngineState(options.detectors, JSON.parse(JSON.stringify(state)) as EngineState)
    const step = stepEngine(state, observed, { nowMs, options })
    state = step.state
    return step.issues
  })
}

/** What was found, as a set: a quiet rule may be said again after a restart, and is then the same. */
function foundIn(records: readonly StoredRecord[], harness: RunnerHarness): readonly string[] {
  const issues = judge(observe(records, harness), () => false)
  return [
    ...new Set(issues.flatMap(({ alert, rule }) => [...(alert === undefined ? [] : [alert.alert]), ...nameOf(rule)])),
  ].toSorted()
}

async function saidIn(harness: RunnerHarness): Promise<readonly string[]> {
  const alerts = (await harness.events('alert/raised')).map(({ alert }) => alert)
  const rules = (await harness.events('rule/added')).flatMap(({ rule }) => nameOf(rule))
  assert.equal(new Set(alerts).size, alerts.length)
  return [...new Set([...alerts, ...rules])].toSorted()
}

function nameOf(rule: EventOf<'rule/added'>['rule'] | undefined): readonly string[] {
  return rule === undefined ? [] : [`${rule.id} ${rule.cause.events.at(-1)}`]
}
