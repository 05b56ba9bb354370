// Decisions as audit records of MCP SEP-3004 (Tamper-Evident Audit Record Contract, canonical form audit-record-contract/1): sorted
// keys, strings, booleans and null alone, NFC, and SHA-256 over it, each linked to the one before. Pure.
import { sha256 } from '../../events/chain.ts'

/** What a protected field may hold. */
export type AuditValue = string | boolean | null | { readonly [key: string]: AuditValue }

/** A record without its digest. */
export interface AuditBody {
  readonly event_id: string
  /** RFC 3339, UTC, milliseconds. */
  readonly occurred_at: string
  readonly principal_id: string
  readonly event_type: string
  readonly tool_name: string | null
  readonly outcome: 'allowed' | 'denied' | 'deferred' | 'error'
  readonly extensions: { readonly [type: string]: { readonly [field: string]: AuditValue } }
  /** Null for the first of a segment. */
  readonly previous_hash: string | null
}

/** The longest protected string, UTF-16 code units. */
const MAX_TEXT = 8_192

/** The digest of a record, hex. Throws RangeError for a string that no record may hold. */
export function auditRecordHash(body: AuditBody): string {
  const { event_id, occurred_at, principal_id, event_type, tool_name, outcome, extensions, previous_hash } = body
  const core = { event_id, occurred_at, principal_id, event_type, tool_name, outcome, previous_hash }
  return sha256(Buffer.from(canonicalForm({ ...core, extensions })))
}

/** The record of a decision, if an event is one; its fields are those of a body in a bundle. */
export function auditBodyOf(
  fields: { readonly [key: string]: unknown },
  previous: string | null,
): AuditBody | undefined {
  if (fields.type !== 'authorization/decide') return undefined
  const outcome = OUTCOMES.get(fields.decision)
  if (outcome === undefined) return undefined
  return {
    event_id: plain(fields.id),
    occurred_at: `${plain(fields.time).slice(0, 23)}Z`,
    principal_id: plain(fields.principal),
    event_type: 'tool_call',
    tool_name: plain(fields.tool),
    outcome,
    // What the agent wanted it for is not in MCP: said as such, since the contract asks for a text.
    extensions: {
      'caller-governance': {
        purpose_declared: 'not declared',
        session_id: plain(fields.session),
        flagged: outcome !== 'allowed',
      },
    },
    previous_hash: previous,
  }
}

const OUTCOMES: ReadonlyMap<unknown, AuditBody['outcome']> = new Map([
  ['allow', 'allowed'],
  ['deny', 'denied'],
  ['escalate', 'deferred'],
] as const)

/** Our strings may hold what theirs may not. */
function plain(value: unknown): string {
  return typeof value === 'string'
    ? value
        .toWellFormed()
        .replaceAll(/\p{Cc}/gu, '\ufffd')
        .slice(0, MAX_TEXT / 2)
    : ''
}

function canonicalForm(value: AuditValue): string {
  if (value === null || typeof value === 'boolean') return String(value)
  if (typeof value === 'string') return quoted(normalized(value))
  const keys = Object.keys(value).sort()
  return `{${keys.map((key) => `${quoted(key)}:${canonicalForm(value[key] ?? null)}`).join(',')}}`
}

function quoted(text: string): string {
  return `"${text.replaceAll(/["\\]/g, '\\$&')}"`
}

/** Of all white space only U+0020 is trimmed. */
function normalized(text: string): string {
  if (/\p{Cc}/u.test(text) || !text.isWellFormed()) throw new RangeError('a control character or lone surrogate')
  const trimmed = text.normalize('NFC').replaceAll(/^ +| +$/g, '')
  if (trimmed.length > MAX_TEXT) throw new RangeError(`longer than ${MAX_TEXT} code units`)
  return trimmed
}
