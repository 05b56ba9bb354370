// `toolwarden policy replay`: what a policy would have decided over recorded calls, and what that changes.
import { resolve } from 'node:path'
import { ToolwardenError } from '../events/errors.ts'
import { visible } from '../events/visible.ts'
import { loadPolicyFile } from './policy-file.ts'
import { PolicyReplay } from './policy-replay.ts'
import { type HistoryFlags, openRecordedCalls } from './recorded-calls.ts'
import { type NamedCounts, type ReplayReport, ReplayTally } from './replay-report.ts'

/** Options as commander gives them. */
export interface ReplayFlags extends HistoryFlags {
  /** `<directory>`, or `<server>=<directory>`. */
  readonly root?: readonly string[]
  readonly json?: boolean
}

const SHOWN_NAMES = 20
const SHOWN_CHANGES = 20

/** Replays and prints. Throws POLICY_INVALID, USAGE, and what reading the history throws. */
export async function runPolicyReplay(file: string, flags: ReplayFlags): Promise<void> {
  const policy = loadPolicyFile(file, Date.now())
  const replay = new PolicyReplay(policy, { rootOf: readRoots(flags.root) })
  const history = await openRecordedCalls(flags)
  const tally = new ReplayTally()
  for await (const calls of history.batches) for (const call of calls) tally.add(call, replay.take(call))
  const report = tally.report({ policy: policy.hash, history: history.where })
  process.stdout.write(flags.json === true ? `${JSON.stringify(report)}\n` : describe(report))
}

/** Where servers take relative paths from, as the flags say it: for one server, or for all others. Throws USAGE. */
export function readRoots(roots: readonly string[] = []): (server: string) => string | undefined {
  const byServer = new Map<string | undefined, string>()
  for (const text of roots) {
    const [, server, directory = text] = /^([^/=]+)=(.+)$/.exec(text) ?? []
    if (byServer.has(server))
      throw new ToolwardenError('USAGE', 'two directories for the same server', { where: `--root ${text}` })
    byServer.set(server, resolve(directory))
  }
  return (server) => byServer.get(server) ?? byServer.get(undefined)
}

function describe(report: ReplayReport): string {
  const { calls, history, from, to, decisions, undecided, held, undecidedThen, changed } = report
  if (calls === 0) return `no call is recorded in ${history}\n`
  const missing = Object.entries(undecided).map(([why, count]) => `${count} ${UNDECIDED[why] ?? why}`)
  const { kinds, listed } = changed
  return [
    `${calls} calls of ${history}, ${from} to ${to}`,
    `  allow ${decisions.allow}, deny ${decisions.deny}, escalate ${decisions.escalate}`,
    ...(missing.length === 0 ? [] : [`  ${decisions.undecided} could not be decided: ${missing.join(', ')}`]),
    ...(held === 0 ? [] : [`  ${held} were held back by something else than a policy, and are not compared`]),
    ...(undecidedThen === 0 ? [] : [`  ${undecidedThen} have no recorded decision, and are not compared`]),
    ...table('by rule', report.byRule),
    ...table('by tool', report.byTool),
    ...table('by principal', report.byPrincipal),
    `changed: ${changed.calls} calls`,
    ...kinds.slice(0, SHOWN_CHANGES).map(({ tool, from: was, to: is, rule, reason, calls: count }) => {
      return `  ${String(count).padStart(9)}  ${was} -> ${is}  ${tool}  by ${rule} (${reason})`
    }),
    ...more(kinds.length, SHOWN_CHANGES, 'kinds of change'),
    ...listed
      .slice(0, SHOWN_CHANGES)
      .map(
        ({ time, call, principal, tool, from: was, to: is }) =>
          `  ${time} ${call} ${principal} ${tool}: ${was} -> ${is}`,
      ),
    ...more(changed.calls, SHOWN_CHANGES, 'changed calls'),
    '',
  ]
    .map(visible)
    .join('\n')
}

const UNDECIDED: Readonly<Record<string, string>> = {
  commitment: 'arguments not recorded',
  redacted: 'arguments redacted',
  cut: 'arguments recorded in part',
  erased: 'arguments erased',
  missing: 'arguments missing from the store',
  altered: 'changed in the store (toolwarden verify)',
}

function table(title: string, rows: readonly NamedCounts[]): readonly string[] {
  const header = `${title.padEnd(44)}${['allow', 'deny', 'escalate', 'undecided'].map((each) => each.padStart(11)).join('')}`
  const lines = rows.slice(0, SHOWN_NAMES).map(({ name, allow, deny, escalate, undecided }) => {
    return `  ${name.padEnd(42)}${[allow, deny, escalate, undecided].map((each) => String(each).padStart(11)).join('')}`
  })
  return [header, ...lines, ...more(rows.length, SHOWN_NAMES, 'names')]
}

function more(all: number, shown: number, what: string): readonly string[] {
  return all > shown ? [`  … ${all - shown} more ${what} (--json)`] : []
}
