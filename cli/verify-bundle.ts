// The offline verification of a bundle, as the command and as the single file verify.mjs run it: reads what was named, says what was
// found. It imports nothing that is not Node's own or this project's, so that it can be linked into one file.

import { createReadStream } from 'node:fs'
import { stat } from 'node:fs/promises'
import { join } from 'node:path'
import { systemCode, ToolwardenError } from '../events/errors.ts'
import { formatTime } from '../events/time.ts'
import { parseAge } from '../ledger/age.ts'
import { BUNDLE_FILE } from '../ledger/bundle/bundle-format.ts'
import { type BundleReport, verifyBundle } from '../ledger/bundle/verify-bundle.ts'
import { parseWritersFile } from '../ledger/bundle/writers-file.ts'
import { parseTrustPolicy } from '../ledger/trust-policy.ts'
import { MAX_LISTED, type Violation } from '../ledger/verify-report.ts'
import { EXIT_INCOMPLETE, EXIT_TAMPERED } from './exit-code.ts'
import { readNamedFile } from './named-file.ts'
import { showProgress } from './progress.ts'

const SHOWN = 20
const CHUNK_BYTES = 1024 * 1024

/** What to verify, and whom to trust. */
export interface BundleFlags {
  readonly trust?: string
  readonly writers?: string
  readonly checkpoint?: readonly string[]
  readonly notOlderThan?: string
  readonly acceptUnwitnessed?: boolean
  readonly json?: boolean
}

/** Verifies and says what was found on stdout; gives the exit code. Throws USAGE, TRUST_INVALID, KEY_INVALID, CONFIG_INVALID. */
export async function runVerifyBundle(path: string, flags: BundleFlags): Promise<number> {
  if (flags.trust === undefined)
    throw new ToolwardenError('USAGE', 'whom you trust is not said: a bundle brings no trust with it', {
      where: '--trust',
      fix: '--trust my.policy (docs/export.md shows one)',
    })
  const policy = parseTrustPolicy(await readNamedFile(flags.trust), flags.trust)
  const writers =
    flags.writers === undefined ? undefined : parseWritersFile(await readNamedFile(flags.writers), flags.writers)
  const kept = await Promise.all(
    (flags.checkpoint ?? []).map(async (name) => ({ name, note: (await readNamedFile(name)).toString('utf8') })),
  )
  const nowSeconds = Math.floor(Date.now() / 1_000)
  const { file, size } = await findBundle(path)
  const progress = showProgress('verifying')
  try {
    const report = await verifyBundle({
      ...{ name: file, policy, writers, kept, nowSeconds },
      bundle: createReadStream(file, { highWaterMark: CHUNK_BYTES }) as AsyncIterable<Buffer>,
      ...(flags.notOlderThan === undefined
        ? {}
        : { maxAgeSeconds: parseAge(flags.notOlderThan, nowSeconds, '--not-older-than') }),
      // Who takes the owner's word for the log, where no witness is asked, takes it for its age too.
      acceptsUnknownAge: flags.acceptUnwitnessed === true && policy.quorum.kind === 'none',
      acceptsUnwitnessed: flags.acceptUnwitnessed === true,
      onProgress: (bytes) => progress.update(bytes, size),
    })
    process.stdout.write(flags.json === true ? `${JSON.stringify(viewOf(report))}\n` : describe(report))
    return report.verdict === 'valid' ? 0 : report.verdict === 'tampered' ? EXIT_TAMPERED : EXIT_INCOMPLETE
  } finally {
    progress.end()
  }
}

async function findBundle(path: string): Promise<{ readonly file: string; readonly size: number }> {
  try {
    const found = await stat(path)
    if (!found.isDirectory()) return { file: path, size: found.size }
    const file = join(path, BUNDLE_FILE)
    return { file, size: (await stat(file)).size }
  } catch (cause) {
    throw new ToolwardenError('USAGE', `there is no bundle: ${systemCode(cause) ?? 'unknown reason'}`, {
      where: path,
      fix: 'name the file that `toolwarden export` wrote',
      cause,
    })
  }
}

function viewOf({ verdict, counts, isWhole, trust, violations, violationCount, manifest }: BundleReport): object {
  const listed = violations.slice(0, MAX_LISTED)
  return {
    verdict,
    counts,
    isWhole,
    trust,
    violationCount,
    violations: listed.map((violation) => ({ ...violation, where: placeOf(violation) })),
    claims: manifest && {
      log: manifest.log,
      filter: manifest.filter,
      exportedAt: manifest.exportedAt,
      by: manifest.by,
    },
    notProven: notProven(isWhole),
  }
}

/** Said by the verifier, never read from the bundle. */
function notProven(isWhole: boolean): readonly string[] {
  return [
    'that what was recorded is all that happened',
    ...(isWhole ? [] : ['that no other event was left out: the bundle does not show every leaf of the log']),
    'what was not disclosed: commitments without their payload',
  ]
}

function describe(report: BundleReport): string {
  const { verdict, counts, isWhole, violations, violationCount } = report
  const { events, withheld, chains, appends, payloads, leaves } = counts
  const lines = [
    `${verdict}: ${events} events and ${withheld} bare hashes of ${chains} chains, ${appends} signed appends, ${payloads} payloads, ${leaves} leaves of the Merkle log`,
    describeClass(report.trust),
    ...violations.slice(0, SHOWN).map((each) => `  ${each.code}: ${each.text}\n    at: ${placeOf(each)}`),
    ...(violationCount > SHOWN ? [`  … ${violationCount - SHOWN} more violations (--json lists up to 1,000)`] : []),
    ...(isWhole && verdict === 'valid' ? ['  complete: every leaf up to the checkpoint is in it'] : []),
    ...notProven(isWhole).map((text) => `  not proven: ${text}`),
  ]
  return `${lines.map(escapeForTerminal).join('\n')}\n`
}

function describeClass({
  class: reached,
  size,
  coveredSize,
  cosigned,
  quorumTimeSeconds,
}: BundleReport['trust']): string {
  const when = quorumTimeSeconds === undefined ? '' : `, at ${formatTime(quorumTimeSeconds * 1_000_000)}`
  switch (reached) {
    case 'A':
      return `  class A: ${coveredSize} of ${size} leaves are witnessed (${cosigned.map(({ name }) => name).join(', ')}${when})`
    case 'B':
      return `  class B: ${coveredSize} of ${size} leaves stand as in a checkpoint that you kept`
    case 'C':
      return `  class C: the owner's keys alone stand behind ${size} leaves`
    case undefined:
      return '  no class: no trusted key stands behind it'
  }
}

function placeOf({ chain, sequence, hash = '', position = '' }: Violation): string {
  const event = sequence === undefined ? '' : `event ${sequence}`
  return [chain, event, hash, position].filter((part) => part !== '').join(', ')
}

/** What a bundle says may steer a terminal: all control and format characters but the newline are shown as such. */
function escapeForTerminal(text: string): string {
  return text.replaceAll(
    /[^\P{C}\n]/gu,
    (character) => `\\u{${(character.codePointAt(0) ?? 0).toString(16).padStart(4, '0')}}`,
  )
}
