// Rules of the detectors that stand in the log but perhaps not on `control`: the process may have died between the two.
// Their exact control records are kept until they are seen there, and are sent again after a restart.
import type { ReadRecord, Verdict } from '../events/chain-verifier.ts'
import { isControlEvent, subjectOf } from '../events/control-record.ts'
import type { ControlView } from '../events/control-view.ts'
import type { LogRecord, StoredRecord } from '../events/log.ts'
import { toRecord } from '../events/record.ts'
import { parseTime } from '../events/time.ts'

/** A control record in plain JSON. */
export interface RuleRecord {
  readonly subject: string
  readonly expiresMs: number
  /** Base64. */
  readonly value: string
  readonly headers: readonly (readonly [string, string])[]
}

/** The control record of a `rule/added` at an index of a batch; undefined where its append is not whole. */
export function findRuleRecord(
  read: ReadRecord,
  {
    batch,
    index,
  }: { readonly batch: { records: readonly StoredRecord[]; verdicts: readonly Verdict[] }; readonly index: number },
): RuleRecord | undefined {
  const { event, hash, headers } = read
  const record = batch.records[index]
  const { signature } = headers
  if (event.type !== 'rule/added' || record === undefined || signature === undefined || !isControlEvent(event))
    return undefined
  const append = batch.verdicts.slice(index + 1 - signature.count, index + 1).flatMap((verdict) => {
    return verdict.outcome === 'quarantined' ? [] : [verdict.hash]
  })
  if (append.length !== signature.count) return undefined
  const sealed = { event, body: Buffer.from(record.value), hash }
  const control = toRecord(subjectOf(event), sealed, { signature, append })
  return {
    subject: control.key,
    expiresMs: Math.floor(parseTime(event.rule.expiresAt) / 1000),
    value: Buffer.from(control.value).toString('base64'),
    headers: Object.entries(control.headers).map(([name, bytes]) => [name, Buffer.from(bytes).toString('base64')]),
  }
}

/** Those that are still needed: not expired, and not seen on control. */
export function missingOnControl(
  records: readonly RuleRecord[],
  { view, nowMs }: { readonly view: ControlView; readonly nowMs: number },
): readonly RuleRecord[] {
  return records.filter(({ subject, expiresMs }) => expiresMs > nowMs && !view.subjects.has(subject))
}

/** The record to send. */
export function toLogRecord({ subject, value, headers }: RuleRecord): LogRecord {
  return {
    key: subject,
    value: Buffer.from(value, 'base64'),
    headers: Object.fromEntries(headers.map(([name, bytes]) => [name, Buffer.from(bytes, 'base64')])),
  }
}
