// Same log, same alerts and rules: also when the detectors are stopped or killed at any event, before or after any append.
import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import fc from 'fast-check'
import type { RunningDetectors } from '../../detectors/start.ts'
import { until } from '../support/until.ts'
import { type Death, MortalLog } from './mortal-log.ts'
import { RunnerHarness } from './runner-harness.ts'

const SETTINGS = { readSpike: { distinctReads: 3 }, snapshot: { everySeconds: 3_600 } }

interface Life {
  readonly reads: readonly { readonly session: number; readonly object: number; readonly gateway: number }[]
  readonly death: Death | 'idle' | 'stopped'
  readonly everyEvents: number
}

const lives: fc.Arbitrary<readonly Life[]> = fc.array(
  fc.record({
    reads: fc.array(fc.record({ session: fc.nat(2), object: fc.nat(8), gateway: fc.nat(1) }), {
      minLength: 1,
      maxLength: 12,
    }),
    death: fc.oneof(
      fc.constantFrom('idle' as const, 'stopped' as const),
      fc.record({
        atAppend: fc.integer({ min: 1, max: 6 }),
        when: fc.constantFrom('before' as const, 'after' as const),
      }),
    ),
    everyEvents: fc.integer({ min: 1, max: 15 }),
  }),
  { minLength: 1, maxLength: 4 },
)

/** Lives one life of the detectors: they run while the reads happen, and end as told. */
async function live(
  harness: RunnerHarness,
  life: Life,
  gateways: readonly ReturnType<RunnerHarness['writer']>[],
): Promise<void> {
  const death = typeof life.death === 'object' ? life.death : undefined
  const eventLog = new MortalLog(harness.eventLog, death)
  const settings = { ...SETTINGS, snapshot: { ...SETTINGS.snapshot, everyEvents: life.everyEvents } }
  const running = await harness.detect({ eventLog, settings })
  for (const { session, object, gateway } of life.reads) {
    const writer = gateways[gateway]
    if (writer !== undefined) await harness.call(writer, { session: `s${session}`, arguments: { path: `/${object}` } })
  }
  if (life.death === 'stopped') await endWell(running)
  else await eventLog.kill()
}

async function endWell(running: RunningDetectors): Promise<void> {
  await running.live
  await running.stop()
}

/** The last life: reads everything, publishes everything. */
async function finish(harness: RunnerHarness): Promise<void> {
  const running = await harness.detect({ settings: SETTINGS })
  await running.live
  await running.stop()
}

describe('detectors that are stopped and killed', () => {
  it('raise each alert and issue each rule once, and every rule reaches control', async () => {
    await fc.assert(
      fc.asyncProperty(lives, async (lifeList) => {
        const harness = await RunnerHarness.create()
        try {
          const gateways = [harness.writer('gateway/a'), harness.writer('gateway/b')]
          for (const life of lifeList) await live(harness, life, gateways)
          await finish(harness)
          await assertExactlyOnce(harness, lifeList)
        } finally {
          await harness.remove()
        }
      }),
      { numRuns: 25, seed: 20261122 },
    )
  })
})

function toSubject(session: string): string {
  return `reads of session ${session} on server files`
}

async function assertExactlyOnce(harness: RunnerHarness, lifeList: readonly Life[]): Promise<void> {
  const expected = [0, 1, 2].flatMap((session) => {
    const reads = lifeList.flatMap((life) => life.reads).filter((read) => read.session === session)
    return new Set(reads.map(({ object }) => object)).size > 3 ? [toSubject(`s${session}`)] : []
  })
  const alerts = await harness.events('alert/raised')
  const rules = await harness.events('rule/added')
  assert.deepEqual(alerts.map(({ subject }) => subject).toSorted(), expected)
  assert.deepEqual(rules.map(({ rule }) => toSubject(rule.scope.session ?? '')).toSorted(), expected)
  await until(() => harness.rules().length >= rules.length)
  const ids = rules.map(({ rule }) => rule.id).toSorted()
  assert.deepEqual(Array.from(harness.rules(), ({ id }) => id).toSorted(), ids)
}
