// A gateway and a revoked key: what it vouches for on control leaves the view and is refused from then on, whenever it came.
import assert from 'node:assert/strict'
import { afterEach, describe, it } from 'node:test'
import { ControlReader } from '../../events/control-reader.ts'
import { toControlRecord } from '../../events/control-record.ts'
import { enrol } from '../../events/enrolment.ts'
import type { EventDraft } from '../../events/event.ts'
import { generateKey, type KeyPair } from '../../events/keys.ts'
import type { LogRecord } from '../../events/log.ts'
import { Trust } from '../../events/trust.ts'
import { MemoryLog } from '../support/memory-log.ts'
import { Run } from '../support/seeded-run.ts'
import { until } from '../support/until.ts'

const detectors = new Run({ writer: 'detectors/main' })
const api = new Run({ writer: 'api/main' })
const enrolment = generateKey()
const text = (key: KeyPair): string => key.publicKey.toString('base64url')
const trusted = [detectors, api].map((run) => ({ writer: run.runKey.identity.writer, key: text(run.longLived) }))
const refused: string[] = []
const readers: ControlReader[] = []
afterEach(async () => {
  refused.length = 0
  for (const reader of readers.splice(0)) await reader.stop()
})

function liftDraft(revision: number): EventDraft {
  const rule = revision.toString(16).padStart(64, '0')
  const expiresAt = '2030-01-01T00:00:00.000000Z'
  return { type: 'rule/lifted', revision, rule, expiresAt, by: 'user:test', reason: '' }
}

function revokeDraft(revision: number, by: KeyPair): EventDraft {
  const [holder, publicKey] = ['detectors/main', text(detectors.longLived)]
  const proof = enrol(by, { kind: 'revoked', log: 'main', holder, publicKey })
  const what = { holder, publicKey, enrolment: proof, cause: 'compromised', by: 'user:test', reason: '' } as const
  return { type: 'key/revoked', revision, ...what }
}

async function publish(eventLog: MemoryLog, run: Run, draft: EventDraft): Promise<void> {
  run.append({ draft })
  const commit = run.commits.at(-1)
  const events = commit?.parts[0]?.events ?? []
  assert.ok(commit !== undefined)
  const record: LogRecord = toControlRecord({ events, hashes: commit.hashes, signature: commit.signature })
  await eventLog.append('control', [record], { chain: run.chain, deadlineMs: 1_000 })
}

async function follow(eventLog: MemoryLog): Promise<ControlReader> {
  const trust = new Trust(trusted, { enrolment: [text(enrolment)] })
  const onRefused = ({ reason }: { readonly reason: string }): number => refused.push(reason)
  const reader = new ControlReader({ eventLog, log: 'main', trust, onRefused })
  readers.push(reader)
  await reader.start()
  return reader
}

describe('a revoked key on control', () => {
  it('takes what it vouched for out of the view, and is refused from then on', async () => {
    const eventLog = new MemoryLog()
    const reader = await follow(eventLog)
    await publish(eventLog, detectors, liftDraft(1))
    await publish(eventLog, api, liftDraft(2))
    await until(() => reader.view.subjects.size === 2)
    assert.equal(reader.heldUnder(text(detectors.longLived)).length, 1)
    await publish(eventLog, api, revokeDraft(3, enrolment))
    await publish(eventLog, detectors, liftDraft(4))
    await until(() => refused.length === 1)
    const writers = [...reader.view.subjects.values()].map(({ event }) => `${event.writer} ${event.type}`)
    assert.deepEqual(writers, ['api/main rule/lifted', 'api/main key/revoked'])
    assert.match(refused[0] ?? '', /is revoked/)
  })

  it('is refused by a reader that starts later', async () => {
    const eventLog = new MemoryLog()
    await publish(eventLog, detectors, liftDraft(1))
    await publish(eventLog, api, revokeDraft(3, enrolment))
    const reader = await follow(eventLog)
    assert.deepEqual(
      [...reader.view.subjects.values()].map(({ event }) => event.type),
      ['key/revoked'],
    )
  })

  it('goes on counting, when no enrolment key that counts here revoked it', async () => {
    const eventLog = new MemoryLog()
    await publish(eventLog, detectors, liftDraft(1))
    await publish(eventLog, api, revokeDraft(3, api.longLived))
    const reader = await follow(eventLog)
    assert.equal(reader.view.subjects.size, 2)
  })
})
