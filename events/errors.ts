// The one error type of toolwarden: a code from one union, what is wrong, where, and what to do next.
// Foreign errors are wrapped once, where they enter; `cause` keeps them.

/** Every code that toolwarden can report; docs/errors.md lists what each means. */
export type ErrorCode =
  | 'USAGE'
  | 'CONFIG_INVALID'
  | 'POLICY_INVALID'
  | 'KEY_INVALID'
  | 'KEY_MISSING'
  | 'TRUST_INVALID'
  | 'EVENT_INVALID'
  | 'EVENT_TOO_LARGE'
  | 'CANONICAL_INVALID'
  | 'CHAIN_CLOSED'
  | 'LOG_UNAVAILABLE'
  | 'LOG_IN_DOUBT'
  | 'LOG_FULL'
  | 'LOG_CORRUPT'
  | 'LOG_EXPIRED'
  | 'RECORD_TOO_LARGE'
  | 'STORE_UNAVAILABLE'
  | 'STORE_LOCKED'
  | 'STORE_INVALID'
  | 'CHECKPOINT_INVALID'
  | 'TREE_INVALID'
  | 'DATA_LOCKED'
  | 'PORT_IN_USE'
  | 'UPSTREAM_UNAVAILABLE'
  | 'UNAUTHORIZED'
  | 'FORBIDDEN'
  | 'NOT_FOUND'
  | 'CONFLICT'
  | 'REQUEST_INVALID'
  | 'LIMIT_REACHED'
  | 'DEPENDENCY_MISSING'
  | 'INTERNAL'

/** What an error carries beside its message. */
export interface ErrorDetails {
  /** The place: file:line:key, topic/partition/offset, or an event's id. */
  readonly where?: string | undefined
  /** What to do next, as a sentence or a command. */
  readonly fix?: string | undefined
  readonly cause?: unknown
  /** True where the same request may succeed later without any change. */
  readonly retriable?: boolean | undefined
}

/** An error that a person can act on; never thrown with a secret in its message. */
export class ToolwardenError extends Error {
  readonly code: ErrorCode
  readonly where: string | undefined
  readonly fix: string | undefined
  readonly retriable: boolean

  constructor(code: ErrorCode, message: string, details: ErrorDetails = {}) {
    super(message, details.cause === undefined ? undefined : { cause: details.cause })
    this.name = 'ToolwardenError'
    this.code = code
    this.where = details.where
    this.fix = details.fix
    this.retriable = details.retriable ?? false
  }
}

/** The text shown to a person: message, place and fix, without a stack trace. */
export function describeError(error: unknown): string {
  if (!(error instanceof ToolwardenError)) return error instanceof Error ? error.message : String(error)
  const where = error.where === undefined ? '' : `\n  at: ${error.where}`
  const fix = error.fix === undefined ? '' : `\n  fix: ${error.fix}`
  return `${error.code}: ${error.message}${where}${fix}`
}

/** The operating system's error code (`ENOSPC`, `EROFS` …) of a foreign error, if it has one. */
export function systemCode(error: unknown): string | undefined {
  if (typeof error !== 'object' || error === null || !('code' in error)) return undefined
  return typeof error.code === 'string' ? error.code : undefined
}
