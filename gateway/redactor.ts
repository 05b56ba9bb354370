// What is taken out of recorded arguments and results: well-known secrets (events/redact.ts), and what the operator's own
// patterns match. The forwarded bytes are never touched.
import { redactSecrets } from '../events/redact.ts'
import { compileLinearReplacement, type LinearReplacement } from './policy/linear-pattern.ts'

/** The most patterns of a configuration. */
export const MAX_REDACT_PATTERNS = 50
/** Most steps, instructions times characters, that the patterns spend on one value: some tenths of a second. */
const MAX_REDACT_STEPS = 10_000_000
const REPLACEMENT = '[redacted: configured]'

/** Makes the function that redacts; a value too long for the patterns comes back empty: it is committed to, not recorded. */
export function createRedactor(patterns: readonly string[]): (bytes: Buffer) => Buffer {
  if (patterns.length === 0) return redactSecrets
  let compiled: readonly LinearReplacement[] | undefined
  return (bytes) => {
    compiled ??= patterns.map((pattern) => compileLinearReplacement(pattern, REPLACEMENT))
    return redactWith(compiled, redactSecrets(bytes))
  }
}

function redactWith(patterns: readonly LinearReplacement[], bytes: Buffer): Buffer {
  const text = bytes.toString('utf8')
  const size = patterns.reduce((sum, pattern) => sum + pattern.size, 0)
  if (size * text.length > MAX_REDACT_STEPS) return Buffer.alloc(0)
  const redacted = patterns.reduce((rest, { replace }) => replace(rest), text)
  return redacted === text ? bytes : Buffer.from(redacted, 'utf8')
}
