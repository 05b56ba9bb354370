// The stage of what comes in over the log: records are written to it as an attacker with access to its topics could, and a
// real ingest stores them. An honest log has no row but accepted ones.
import assert from 'node:assert/strict'
import { createHash } from 'node:crypto'
import { generateKey, type KeyPair } from '../../events/keys.ts'
import type { LogRecord } from '../../events/log.ts'
import { Trust } from '../../events/trust.ts'
import { startIngest, type TestKeys } from '../support/ledger-harness.ts'
import { MemoryLog, MemoryStorage } from '../support/memory-log.ts'
import { buildRevokingRun } from '../support/revoking-run.ts'
import type { RunBuilder } from '../support/run-builder.ts'
import type { SequencerBench } from '../support/sequencer-bench.ts'
import { type AttackCase, type CaseText, observe, type Sighting } from './attack-case.ts'
import { sharedBench } from './ledger-stage.ts'
import { placeText } from './sightings.ts'

/** Appends to one partition, each after all before it was ingested. */
export type Sent = readonly { readonly partition: string; readonly records: readonly LogRecord[] }[]

/** What is sent instead of what was honest. */
export interface IngestAttack extends Omit<CaseText, 'seenBy'> {
  readonly honest: Sent
  readonly attacked: Sent
}

const [gateway, ledger, detectors, api, enrolment, newGateway] = [1, 2, 3, 4, 5, 6].map(() => generateKey()) as [
  KeyPair,
  KeyPair,
  KeyPair,
  KeyPair,
  KeyPair,
  KeyPair,
]

/** The keys of this stage: trusted each for its role, and an enrolment key that may revoke them. */
export const stageKeys: TestKeys = {
  gateway,
  ledger,
  detectors,
  api,
  trust: new Trust(
    [
      ...Object.entries({ gateway, ledger, detectors, api }).map(([role, key]) => trusted(role, key)),
      trusted('gateway', newGateway),
    ],
    { enrolment: [text(enrolment)] },
  ),
}

/** The same after the gateway's key was rotated. */
export const rotatedKeys: TestKeys = { ...stageKeys, gateway: newGateway }

/** The run of an API that revokes the gateway's key, proven by the enrolment key. */
export function revokingRun(): RunBuilder {
  return buildRevokingRun({ api, gateway, enrolment })
}

/** Makes cases of attacks. */
export function ingestCases(attacks: readonly IngestAttack[]): readonly AttackCase[] {
  return attacks.map(({ honest, attacked, ...rest }) => ({
    ...rest,
    seenBy: 'ingest',
    run: async () => {
      let sent = honest
      const scene = { look: () => ingested(sent), fingerprint: async () => digestOf(sent) }
      return await observe(scene, () => {
        sent = attacked
      })
    },
  }))
}

/** One life of an ingest: it stores what is in the log, and ends. */
export async function ingestAll(storage: MemoryStorage): Promise<void> {
  const { store } = await sharedBench()
  const eventLog = new MemoryLog({ storage })
  const ingest = await startIngest({ eventLog, store, keys: stageKeys })
  await ingest.caughtUp
  await ingest.stop()
  await eventLog.close()
}

interface IngestedRow {
  readonly outcome: string
  readonly reason: string
  readonly after_gap: number
  readonly writer: string
  readonly sequence: number
  readonly partition: string
  readonly offset: number
}

/** Ingests into an empty store; gives the rows that are not simply accepted. Every record must have its row. */
async function ingested(sent: Sent): Promise<readonly Sighting[]> {
  const bench = await sharedBench()
  await bench.begin()
  const storage = new MemoryStorage()
  for (const { partition, records } of sent) {
    storage.write('events', partition, records)
    await ingestAll(storage)
  }
  const count = sent.reduce((sum, { records }) => sum + records.length, 0)
  const rows = await unusualRows(bench, count)
  return rows.flatMap(sightingOf)
}

async function unusualRows({ store }: SequencerBench, count: number): Promise<readonly IngestedRow[]> {
  const rows = await store.select<IngestedRow>(
    `SELECT outcome, reason, after_gap, writer, sequence, partition, offset FROM events
     WHERE topic = 'events' AND NOT startsWith(partition, 'ledger/') ORDER BY partition, offset`,
  )
  assert.equal(rows.length, count, 'the consumer stored every record')
  return rows
}

function sightingOf({ outcome, reason, after_gap, writer, sequence, partition, offset }: IngestedRow): Sighting[] {
  if (outcome === 'quarantined')
    return [{ class: `quarantined (${placeText(reason)})`, position: `${placeText(partition)} offset ${offset}` }]
  const position = `${writer} ${sequence}`
  if (after_gap > 0) return [{ class: 'after_gap', position }]
  return outcome === 'accepted' ? [] : [{ class: outcome, position }]
}

function digestOf(sent: Sent): string {
  const digest = createHash('sha256')
  for (const { partition, records } of sent)
    for (const { key, value, headers } of records) {
      digest.update(`${partition}\n${key}\n`).update(value)
      for (const [name, bytes] of Object.entries(headers)) digest.update(name).update(bytes ?? '')
    }
  return digest.digest('hex')
}

function trusted(role: string, key: KeyPair): { readonly writer: string; readonly key: string } {
  return { writer: `${role}/*`, key: text(key) }
}

function text(key: KeyPair): string {
  return key.publicKey.toString('base64url')
}
