// `toolwarden verify --trust`: whom the person at the command line trusts, and how to tell them what that comes to.

import { type ReportView, showViolation } from '../api/report-view.ts'
import { ToolwardenError } from '../events/errors.ts'
import { formatTime } from '../events/time.ts'
import { parseAge } from '../ledger/age.ts'
import { originOf } from '../ledger/checkpoint.ts'
import { parseTrustPolicy, type TrustPolicy } from '../ledger/trust-policy.ts'
import { VIOLATION_CLASSES, type Violation } from '../ledger/verify-report.ts'
import type { TrustCheck, TrustResult } from '../ledger/verify-trust.ts'
import type { Config } from './config.ts'
import type { Installation } from './installation.ts'
import { findMerkleLog, merkleLogDirectory } from './merkle-log.ts'
import { readNamedFile } from './named-file.ts'

/** Options as commander gives them. */
export interface TrustFlags {
  readonly trust?: string
  readonly checkpoint?: readonly string[]
  readonly notOlderThan?: string
  readonly acceptUnwitnessed?: boolean
}

/** What stands behind the log, as JSON. */
export type TrustView = Omit<TrustResult, 'violations'>

/** What is to be checked; undefined where nothing was asked. Throws USAGE, TRUST_INVALID, CONFIG_INVALID for files that can't be read. */
export async function findTrustCheck(
  flags: TrustFlags,
  config: Config,
  installation: Installation,
): Promise<TrustCheck | undefined> {
  const { trust, checkpoint = [], notOlderThan } = flags
  if (trust === undefined && checkpoint.length === 0 && notOlderThan === undefined) return undefined
  const nowSeconds = Math.floor(Date.now() / 1_000)
  const origin = originOf(config.log ?? installation.log)
  return {
    directory: merkleLogDirectory(config),
    policy: trust === undefined ? await ownPolicy(config, installation) : await readPolicy(trust, origin),
    kept: await Promise.all(
      checkpoint.map(async (name) => ({ name, note: (await readNamedFile(name)).toString('utf8') })),
    ),
    nowSeconds,
    ...(notOlderThan === undefined ? {} : { maxAgeSeconds: parseAge(notOlderThan, nowSeconds, '--not-older-than') }),
    acceptsUnknownAge: trust === undefined,
    acceptsUnwitnessed: trust === undefined || flags.acceptUnwitnessed === true,
  }
}

/** The report with what the trust policy makes of it. */
export function withTrust(
  report: ReportView,
  { violations, ...trust }: TrustResult,
): ReportView & { readonly trust: TrustView } {
  const all = [...violations.map(showViolation), ...report.violations]
  const isTampered = report.verdict === 'tampered' || violations.some(isTampering)
  const verdict = isTampered ? 'tampered' : violations.length > 0 ? 'incomplete' : report.verdict
  return { ...report, verdict, violations: all, violationCount: report.violationCount + violations.length, trust }
}

/** Lines for people. */
export function describeTrust({ class: reached, size, coveredSize, cosigned, quorumTimeSeconds }: TrustView): string[] {
  const when = quorumTimeSeconds === undefined ? '' : `, at ${formatTime(quorumTimeSeconds * 1_000_000)}`
  const by = cosigned.map(({ name }) => name).join(', ')
  switch (reached) {
    case 'A':
      return [`  class A: ${coveredSize} of ${size} leaves are witnessed (${by}${when})`]
    case 'B':
      return [`  class B: ${coveredSize} of ${size} leaves stand as in a checkpoint that you kept`]
    case 'C':
      return [`  class C: the owner's keys alone stand behind ${size} leaves`]
    case undefined:
      return ['  no class: no trusted key stands behind the log']
  }
}

function isTampering({ code }: Violation): boolean {
  return VIOLATION_CLASSES[code] === 'tampered'
}

/** Without a policy the installation's own log counts, and no witness. */
async function ownPolicy(config: Config, installation: Installation): Promise<TrustPolicy> {
  const { tree } = await findMerkleLog(config, installation)
  const logs = tree === undefined ? [] : [{ name: tree.logKey.name, key: tree.logKey }]
  return { logs, witnesses: [], quorum: { kind: 'none' } }
}

async function readPolicy(path: string, origin: string): Promise<TrustPolicy> {
  const policy = parseTrustPolicy(await readNamedFile(path), path)
  if (policy.logs.some(({ name }) => name === origin)) return policy
  throw new ToolwardenError('TRUST_INVALID', `the policy names no log ${origin}`, {
    where: path,
    fix: "add: log <the ledger's log.vkey>",
  })
}
