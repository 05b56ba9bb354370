// When what stands on `control` has nothing to say any more, so that neither the log nor its readers keep every rule there ever
// was.
import type { ControlEvent } from './control-record.ts'
import type { LogRecord } from './log.ts'
import { parseTime } from './time.ts'

/** For how long a rule is remembered after its end: a replay of it is over all the same. Longer than clocks are apart. */
const KEEP_RULE_MICROS = 5 * 60 * 1_000_000
/** The same of lifts and verdicts. */
const KEEP_OTHER_MICROS = 24 * 60 * 60 * 1_000_000
const EXPIRING_TYPES = ['rule/lifted', 'approval/verdict', 'policy/accepted']

/** When a subject's record has nothing to say any more, microseconds; undefined for what stays until changed. */
export function expiryOf(event: ControlEvent): number | undefined {
  switch (event.type) {
    case 'rule/added':
      return parseTime(event.rule.expiresAt)
    case 'rule/lifted':
    case 'approval/verdict':
    case 'policy/accepted':
      return parseTime(event.expiresAt)
    case 'switch/stopped':
    case 'switch/resumed':
    case 'pin/approved':
    case 'key/revoked':
      return undefined
  }
}

/** Whether an event was over for long at a time, and need not be remembered. */
export function isLongOver(event: ControlEvent, nowMicros: number): boolean {
  const endMicros = expiryOf(event)
  return endMicros !== undefined && endMicros + keepMicros(event.type) < nowMicros
}

/** The same of a record that was not verified: one that says of itself that it is over binds nobody. False for what can't be read. */
export function isRecordLongOver({ key, value }: Pick<LogRecord, 'key' | 'value'>, nowMicros: number): boolean {
  if (key.startsWith('state/')) return false
  const said = readExpiry(value)
  // What is no time is never over.
  return said !== undefined && parseTime(said.expiresAt) + keepMicros(said.type) < nowMicros
}

function keepMicros(type: string): number {
  return type === 'rule/added' ? KEEP_RULE_MICROS : KEEP_OTHER_MICROS
}

function readExpiry(value: Uint8Array): { readonly type: string; readonly expiresAt: string } | undefined {
  const body = asObject(parseJson(value))
  const { type } = body
  const { expiresAt } = type === 'rule/added' ? asObject(body.rule) : body
  if (typeof type !== 'string' || typeof expiresAt !== 'string') return undefined
  return type === 'rule/added' || EXPIRING_TYPES.includes(type) ? { type, expiresAt } : undefined
}

function parseJson(value: Uint8Array): unknown {
  try {
    return JSON.parse(Buffer.from(value.buffer, value.byteOffset, value.byteLength).toString('utf8'))
  } catch (error) {
    if (error instanceof SyntaxError) return undefined
    throw error
  }
}

function asObject(value: unknown): Readonly<Record<string, unknown>> {
  return typeof value === 'object' && value !== null ? (value as Readonly<Record<string, unknown>>) : {}
}
