// The exit codes of every command (docs/errors.md): a gateway ends as its server ended, all others as here.
import { type ErrorCode, ToolwardenError } from '../events/errors.ts'

/** Verification found tampering. */
export const EXIT_TAMPERED = 1
/** A check found something: a policy test that fails, a warning of lint, a difference. */
export const EXIT_FOUND = 1
/** Incomplete, or could not be verified. */
export const EXIT_INCOMPLETE = 2
/** Wrong words on the command line, or the API refused what they ask for. */
export const EXIT_USAGE = 3
/** Bad configuration, policy, keys or permissions: mend and start again. */
export const EXIT_CONFIG = 4
/** Something needed is not there: broker, store, server command, port. */
const EXIT_UNAVAILABLE = 5
/** A defect of this program. */
const EXIT_INTERNAL = 70

const UNAVAILABLE: readonly ErrorCode[] = [
  'LOG_UNAVAILABLE',
  'LOG_IN_DOUBT',
  'LOG_FULL',
  'STORE_UNAVAILABLE',
  'STORE_LOCKED',
  'DATA_LOCKED',
  'PORT_IN_USE',
  'UPSTREAM_UNAVAILABLE',
  'DEPENDENCY_MISSING',
]
const REFUSED: readonly ErrorCode[] = [
  'USAGE',
  'REQUEST_INVALID',
  'UNAUTHORIZED',
  'FORBIDDEN',
  'NOT_FOUND',
  'CONFLICT',
  'LIMIT_REACHED',
]
const CONFIGURATION: readonly ErrorCode[] = [
  'CONFIG_INVALID',
  'POLICY_INVALID',
  'KEY_INVALID',
  'KEY_MISSING',
  'TRUST_INVALID',
]

/** The exit code of an error that ended a command. */
export function exitCodeOf(error: unknown): number {
  if (!(error instanceof ToolwardenError)) return EXIT_INTERNAL
  if (REFUSED.includes(error.code)) return EXIT_USAGE
  if (CONFIGURATION.includes(error.code)) return EXIT_CONFIG
  if (UNAVAILABLE.includes(error.code)) return EXIT_UNAVAILABLE
  return error.code === 'LOG_CORRUPT' || error.code === 'STORE_INVALID' ? EXIT_INCOMPLETE : EXIT_INTERNAL
}
