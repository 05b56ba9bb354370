// Who fell silent, by the life of the others: killed, closed, asleep, all away. And through ingest, as an event.
import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { verifyRecords } from '../../events/chain-verifier.ts'
import type { StoredRecord } from '../../events/log.ts'
import { prepareRound } from '../../ledger/ingest-round.ts'
import type { KnownChains } from '../../ledger/known-chains.ts'
import { OwnChain } from '../../ledger/own-chain.ts'
import { SilenceWatch } from '../../ledger/silence.ts'
import { asStored, createTestKeys, TEST_LOG } from '../support/ledger-harness.ts'
import { RunBuilder } from '../support/run-builder.ts'

const MINUTE = 60_000
const START = 1_000_000
const keys = createTestKeys()
const HEARTBEAT = { type: 'writer/heartbeat', monotonicMicros: 1 } as const

/** Runs of several gateways on one log, each heard of when a test says so. */
class Stage {
  readonly watch = new SilenceWatch()
  readonly #runs = new Map<string, RunBuilder>()

  run(name: string): RunBuilder {
    const known = this.#runs.get(name)
    if (known !== undefined) return known
    const run = new RunBuilder({ seed: this.#runs.size + 1, key: keys.gateway, writer: `gateway/${name}` })
    this.#runs.set(name, run)
    return run
  }

  /** One event of a run at a time of the log; returns the chains that are found silent then. */
  hear(name: string, minutes: number, type: 'beat' | 'close' = 'beat'): readonly string[] {
    const run = this.run(name)
    if (run.records.length === 0) run.open()
    run.draft(type === 'close' ? { type: 'writer/close', events: run.head.sequence } : HEARTBEAT)
    const records = asStored(run.records).map((record) => ({ ...record, timeMs: START + minutes * MINUTE }))
    const scope = { log: TEST_LOG, trust: keys.trust, headOf: () => undefined, hashAt: () => undefined }
    const { verdicts } = verifyRecords(records, scope)
    this.watch.hear(records.slice(-1), verdicts.slice(-1))
    return this.watch.findSilent().map((draft) => (draft.type === 'ledger/silent' ? draft.chain : ''))
  }
}

describe('a silent run', () => {
  it('is found after three minutes of the life of another, once, with its last sequence number', () => {
    const stage = new Stage()
    stage.hear('a', 0)
    stage.hear('b', 0)
    assert.deepEqual(
      [1, 2, 3, 4].flatMap((minute) => stage.hear('b', minute)),
      [stage.run('a').chain],
    )
  })

  it('is found again when it was heard of in between', () => {
    const stage = new Stage()
    stage.hear('a', 0)
    const found = [1, 2, 3].flatMap((minute) => stage.hear('b', minute))
    stage.hear('a', 3.5)
    found.push(...[4, 5, 6, 7].flatMap((minute) => stage.hear('b', minute)))
    assert.equal(found.length, 2)
  })

  it('is none that beats once a minute, or that said writer/close', () => {
    const stage = new Stage()
    stage.hear('closed', 0, 'close')
    for (let minute = 0; minute < 10; minute++)
      assert.deepEqual([...stage.hear('idle', minute), ...stage.hear('b', minute + 0.5)], [])
  })

  it('is nobody, when everything was silent: a machine that slept, or a log that was away', () => {
    const stage = new Stage()
    stage.hear('a', 0)
    stage.hear('b', 0)
    assert.deepEqual(stage.hear('b', 480), [])
    assert.deepEqual([...stage.hear('a', 480.5), ...stage.hear('b', 481)], [])
  })

  it('is nobody, when the times of the log step back', () => {
    const stage = new Stage()
    stage.hear('a', 100)
    assert.deepEqual(
      [1, 2, 3, 4, 5].flatMap((minute) => stage.hear('b', minute)),
      [],
    )
  })
})

describe('a round of ingest', () => {
  const opening = { software: 'toolwarden test', configuration: '0'.repeat(64) }
  function round(watch: SilenceWatch, records: readonly StoredRecord[], isJudging: boolean): readonly string[] {
    const own = new OwnChain({ log: TEST_LOG, writer: 'ledger/main', key: keys.ledger, opening, nowMicros: () => 1 })
    const known = { headOf: () => undefined, hashAt: () => undefined, learn: () => undefined } as unknown as KnownChains
    const silence = { watch, isJudging }
    const { rows } = prepareRound([records], { log: TEST_LOG, trust: keys.trust, known, own, nowMs: 1, silence })
    return rows.events.filter(({ type }) => type === 'ledger/silent').map(({ subject }) => subject)
  }

  it('says who is silent once the log was read to its end, and not before', () => {
    const watch = new SilenceWatch()
    const [silent, alive] = [1, 2].map((seed) => new RunBuilder({ seed, key: keys.gateway }))
    const at = (records: readonly StoredRecord[], minute: number) =>
      records.map((record) => ({ ...record, timeMs: START + minute * MINUTE }))
    round(watch, at(asStored(silent?.open() ?? []), 0), true)
    const beats = asStored([...(alive?.open() ?? []), ...[1, 2, 3].flatMap(() => alive?.draft(HEARTBEAT) ?? [])])
    const timed = beats.map((record, index) => ({ ...record, timeMs: START + (index + 1) * MINUTE }))
    assert.deepEqual(round(watch, timed, false), [])
    assert.deepEqual(round(watch, [], true), [silent?.chain])
  })
})
