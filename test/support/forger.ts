// Records that nobody who is trusted wrote, as somebody with write access to the log could put there.
import { randomBytes } from 'node:crypto'
import { canonicalBytes } from '../../events/canonical.ts'
import { hashBody, signAppend } from '../../events/chain.ts'
import { isControlEvent, subjectOf } from '../../events/control-record.ts'
import { type EventDraft, parseEvent } from '../../events/event.ts'
import { generateKey, type KeyPair } from '../../events/keys.ts'
import type { LogRecord } from '../../events/log.ts'
import { encodeSignature } from '../../events/record.ts'
import { formatTime } from '../../events/time.ts'
import { RunBuilder } from './run-builder.ts'

const RULE_LIFE_MICROS = 600_000_000
let lastSeed = 0

/** By whom a forged record claims to be, and with whose key it is certified. */
export interface Forgery {
  /** Name of the ledger that it is meant for. */
  readonly log: string
  readonly writer: string
  readonly key?: KeyPair
}

/** A whole run of a gateway: its opening and one call, well formed and signed. */
export function forgeRun(forgery: Forgery): { readonly chain: string; readonly records: readonly LogRecord[] } {
  const run = newRun(forgery)
  run.open()
  run.call()
  return { chain: run.chain, records: run.records }
}

/** The same without its signatures. */
export function unsigned(records: readonly LogRecord[]): readonly LogRecord[] {
  return records.map(({ key, value, headers: { signature: _, ...headers } }) => ({ key, value, headers }))
}

/** Bytes that are no event. */
export function noise(chain: string): readonly LogRecord[] {
  const deep = Buffer.from('['.repeat(20_000))
  return [randomBytes(500), deep, Buffer.from('null')].map((value) => ({ key: chain, value, headers: {} }))
}

/** A rule on `control` that denies every tool to a session. */
export function forgeRule(forgery: Forgery, session: string): LogRecord {
  const nowMicros = Date.now() * 1000
  return forgeControl(forgery, 'detectors/main', {
    type: 'rule/added',
    revision: 1_000,
    rule: {
      id: randomBytes(32).toString('hex'),
      scope: { session },
      tool: '*',
      action: 'deny',
      reason: 'forged',
      cause: { operator: 'user:nobody', events: [] },
      createdAt: formatTime(nowMicros),
      expiresAt: formatTime(nowMicros + RULE_LIFE_MICROS),
    },
  })
}

/** The approval of a definition on `control`. */
export function forgePin(forgery: Forgery, pin: { server: string; tool: string; digest: string }): LogRecord {
  const draft = { type: 'pin/approved', revision: 1_000, ...pin, by: 'user:nobody', reason: 'forged' } as const
  return forgeControl(forgery, 'api/main', draft)
}

/** No builder seals what a role may not say: the event is made in the name of one that may, and signed anew. */
function forgeControl(forgery: Forgery, honestWriter: string, draft: EventDraft): LogRecord {
  const [record] = newRun({ ...forgery, writer: honestWriter }).draft(draft)
  if (record === undefined) throw new Error('a draft makes a record')
  const event = parseEvent(record.value)
  if (!isControlEvent(event)) throw new Error('not for control')
  const { runKey } = newRun(forgery)
  const { writer, instance } = runKey.identity
  const value = canonicalBytes({ ...event, writer, instance })
  const hash = hashBody(value)
  const signature = encodeSignature(signAppend(runKey, [hash]))
  return { key: subjectOf(event), value, headers: { hash: Buffer.from(hash, 'hex'), signature } }
}

function newRun({ log, writer, key = generateKey() }: Forgery): RunBuilder {
  return new RunBuilder({ seed: ++lastSeed, key, log, writer, startMicros: Date.now() * 1000 })
}
