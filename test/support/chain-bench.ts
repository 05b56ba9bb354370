// What tests of the chain writer share: a writer on a log in memory, with a clock that the test moves.

import { verifyRecords } from '../../events/chain-verifier.ts'
import type { Appended } from '../../events/chain-writer.ts'
import { ChainWriter } from '../../events/chain-writer.ts'
import type { ChainWriterOptions } from '../../events/chain-writer-options.ts'
import type { Entry } from '../../events/commit.ts'
import type { Event } from '../../events/event.ts'
import type { StoredRecord } from '../../events/log.ts'
import type { Clock } from '../../events/time.ts'
import { Trust } from '../../events/trust.ts'
import { type FaultHook, MemoryLog } from './memory-log.ts'
import { START_MICROS, seededHash, seededKey } from './seeded-run.ts'

/** A clock that stands until it is moved. */
export class TestClock implements Clock {
  #micros = 0

  advance(millis: number): void {
    this.#micros += millis * 1000
  }

  nowMicros(): number {
    return START_MICROS + this.#micros
  }

  monotonicMicros(): number {
    return this.#micros
  }
}

/** A writer with all that it stands on. */
export interface ChainBench {
  readonly writer: ChainWriter
  readonly eventLog: MemoryLog
  readonly clock: TestClock
}

/** Starts a writer on a fresh log; retries come at once, so that failures take no time. */
export function startChain(fault?: FaultHook, options: Partial<ChainWriterOptions> = {}): ChainBench {
  const eventLog = new MemoryLog(fault === undefined ? {} : { fault })
  const clock = new TestClock()
  const writer = new ChainWriter({
    eventLog,
    clock,
    log: 'main',
    writer: 'gateway/files',
    key: seededKey('writer'),
    opening: { software: 'toolwarden/test', configuration: seededHash('configuration') },
    retryMs: 1,
    ...options,
  })
  return { writer, eventLog, clock }
}

/** Trust in the writers of these benches. */
export function benchTrust(writer = 'gateway/files'): Trust {
  return new Trust([{ writer, key: seededKey('writer').publicKey.toString('base64url') }])
}

/** An entry told apart by a number. */
export function note(number: number): Entry {
  return { draft: { type: 'writer/heartbeat', monotonicMicros: number } }
}

/** The events of a log that its verifier accepts; throws where it finds anything but these and doubles of them. */
export function acceptedEvents(records: readonly StoredRecord[], trust: Trust = benchTrust()): readonly Event[] {
  const { verdicts } = verifyRecords(records, { log: 'main', trust, headOf: () => undefined, hashAt: () => undefined })
  return verdicts.flatMap((verdict) => {
    if (verdict.outcome === 'duplicate') return []
    if (verdict.outcome === 'accepted' && verdict.gap === undefined) return [verdict.event]
    throw new Error(`${verdict.outcome}: ${JSON.stringify(verdict)}`)
  })
}

/** The numbers of notes among events, in order. */
export function notes(events: readonly Event[]): readonly number[] {
  return events.flatMap((event) => (event.type === 'writer/heartbeat' ? [event.monotonicMicros] : []))
}

/** The numbers of an acknowledged append. */
export function numbersOf(appended: Appended): readonly number[] {
  return notes(appended.events.map(({ event }) => event))
}

/** A hook that gives these faults one after the other to appends of `events`, and then none. */
export function faults(...list: readonly Awaited<ReturnType<FaultHook>>[]): FaultHook {
  const left = [...list]
  return ({ topic }) => (topic === 'events' ? (left.shift() ?? 'none') : 'none')
}
