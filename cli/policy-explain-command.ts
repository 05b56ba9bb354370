// `toolwarden policy explain`: what a policy decides on one call, given or recorded, by which rule and check, and why no
// rule before it did.
// It decides as a gateway on this machine would, but for what only a running gateway knows: what limits have used up, adaptive
// rules and the kill switch.
import { resolve } from 'node:path'
import { ToolwardenError } from '../events/errors.ts'
import { visible } from '../events/visible.ts'
import { bareName } from '../gateway/method-table.ts'
import { type PolicyCall, recordedReason } from '../gateway/policy/decision.ts'
import { ASSUMED, type DescribedCall, describedCall, toPolicyCall } from '../gateway/policy/described-call.ts'
import { type Explanation, explainDecision } from '../gateway/policy/explain.ts'
import type { Policy } from '../gateway/policy/policy.ts'
import { lookUpRealPath } from '../gateway/policy/real-path.ts'
import { createRulePlaces } from '../gateway/policy/rule-places.ts'
import { createLinkedPaths } from '../gateway/policy/run-test-cases.ts'
import type { RecordedCall, RecordedDecision } from '../ledger/recorded-call.ts'
import { loadConfig } from './config.ts'
import { findPolicyFile, type LoadedPolicy, loadPolicy, parseJsonOption } from './policy-file.ts'
import { protectOwn } from './protection.ts'
import { findRecordedCall } from './recorded-call-lookup.ts'
import type { HistoryFlags } from './recorded-calls.ts'

/** Options as commander gives them. */
export interface ExplainFlags extends HistoryFlags {
  /** A recorded call; then paths are compared as written, since nobody recorded what links led where. */
  readonly id?: string
  readonly call?: string
  readonly tool?: string
  readonly server?: string
  readonly principal?: string
  readonly client?: string
  readonly arguments?: string
  readonly root?: string
  readonly remote?: boolean
  readonly lexical?: boolean
  readonly json?: boolean
}

/** Explains one call. Throws USAGE, POLICY_INVALID, CONFIG_INVALID. */
export async function runPolicyExplain(file: string | undefined, flags: ExplainFlags): Promise<void> {
  const recorded = flags.id === undefined ? undefined : await findRecordedCall(flags.id, flags)
  const described = recorded === undefined ? readCall(flags) : undefined
  const loaded = loadPolicy(await findPolicyFile(file, flags.config), Date.now())
  const { ok: policy } = loaded
  const call =
    recorded === undefined
      ? toPolicyCall(describedCall.parse({ ...onlyServer(policy), ...described }))
      : toRecordedPolicyCall(recorded)
  const explanation = explainDecision(policy, call, {
    realPath: flags.lexical === true || recorded !== undefined ? createLinkedPaths({}) : lookUpRealPath,
    root: flags.root === undefined ? undefined : resolve(flags.root),
    remote: flags.remote === true,
    nowMs: recorded?.timeMs ?? Date.now(),
    protection: protectOwn(await loadConfig(process.env, flags.config), {
      policyFiles: policy.files,
      serverDirectories: [],
    }),
  })
  const keys = Object.keys(ASSUMED) as (keyof typeof ASSUMED)[]
  const assumed = described === undefined ? [] : keys.filter((key) => described[key] === undefined)
  print(
    flags.json === true
      ? JSON.stringify({ ...toJson(loaded, call, explanation), recorded: recorded?.decided })
      : describeExplanation(loaded, { call, explanation, assumed, decided: recorded?.decided }),
  )
}

function toRecordedPolicyCall({ call, arguments: recorded, ...names }: RecordedCall): PolicyCall {
  if (recorded.state === 'full')
    return { ...names, tool: bareName(names.method, names.tool), argumentsValue: recorded.value }
  throw new ToolwardenError('USAGE', `the call's arguments are not there whole (${recorded.state})`, {
    where: `--id ${call}`,
    fix: 'gateway: { record: { arguments: full } } keeps those of calls to come; --call takes them by hand',
  })
}

/** The server of a call that names none: the one that all rules are for, where there is one. */
function onlyServer({ rules }: Policy): { readonly server?: string } {
  const names = new Set(rules.flatMap(({ servers }) => servers?.map(({ literal }) => literal) ?? []))
  const [server] = names
  return names.size === 1 && server !== undefined ? { server } : {}
}

function readCall({ call, tool, server, principal, client, arguments: args }: ExplainFlags): Partial<DescribedCall> {
  const fix = `toolwarden policy explain policy.yaml --tool read_file --arguments '{"path": "/srv/a"}'`
  const given = call === undefined ? {} : parseJsonOption(call, '--call')
  if (typeof given !== 'object' || given === null || Array.isArray(given))
    throw new ToolwardenError('USAGE', 'expected an object with tool, server, principal, client, arguments', {
      where: '--call',
      fix,
    })
  const named = { tool, server, principal, client, arguments: args && parseJsonOption(args, '--arguments') }
  const described = {
    ...given,
    ...Object.fromEntries(Object.entries(named).filter(([, value]) => value !== undefined)),
  }
  const parsed = describedCall.safeParse(described)
  if (parsed.success) return described
  const problems = parsed.error.issues.map(({ path, message }) => `${path.join('.') || 'the call'}: ${message}`)
  throw new ToolwardenError('USAGE', problems.join('; '), { where: call === undefined ? '--tool' : '--call', fix })
}

interface Explained {
  readonly call: PolicyCall
  readonly explanation: Explanation
  /** Keys of the call that nobody gave. */
  readonly assumed: readonly (keyof typeof ASSUMED)[]
  /** What was decided then. */
  readonly decided: RecordedDecision | undefined
}

function describeExplanation(loaded: LoadedPolicy, { call, explanation, assumed, decided }: Explained): string {
  const { decision, rule, passed, checks, values } = explanation
  const by = rule === undefined ? decision.rule : `rule ${rule.name} at ${placeOf(loaded, explanation)}`
  const missing = assumed.map((key) => `${key} ${call[key]}`).join(', ')
  return [
    `${decision.decision} (${recordedReason(decision)}) by ${by}`,
    `  ${decision.text}`,
    ...(decided === undefined
      ? []
      : [
          `recorded: ${decided.decision} (${decided.reason ?? 'no reason'}) by ${decided.rule ?? 'no rule'}, then ${decided.final}`,
        ]),
    ...(missing === '' ? [] : [`not given, taken as: ${missing}`]),
    ...(passed.length === 0 ? [] : ['rules before it that do not match:']),
    ...passed.map(({ rule: name, mismatch, written }) => `  ${name}: ${mismatch} is none of ${written}`),
    ...(checks.length === 0 ? [] : ['what the rule asks for:']),
    ...checks.map(({ check, problem }) => `  ${check}: ${problem === undefined ? 'holds' : `broken: ${problem}`}`),
    ...values.map(({ check, value, problem }) => `    ${check} ${JSON.stringify(value)}: ${problem ?? 'holds'}`),
    ...(rule !== undefined && rule.limits.length > 0 ? ['limits: as if nothing was used up yet'] : []),
    `policy ${loaded.ok.file} ${loaded.ok.hash}`,
  ]
    .map(visible)
    .join('\n')
}

function placeOf({ ok, sources }: LoadedPolicy, { rule }: Explanation): string | undefined {
  const place = rule === undefined ? -1 : ok.rules.indexOf(rule)
  if (place === -1) return undefined
  const { file, line, column } = createRulePlaces(sources)(place)
  return `${file}:${line}:${column}`
}

function toJson(loaded: LoadedPolicy, call: PolicyCall, explanation: Explanation): object {
  const { decision, passed, checks, values } = explanation
  const { server, tool, method, principal, client } = call
  return {
    decision: decision.decision,
    reason: recordedReason(decision),
    rule: decision.rule,
    text: decision.text,
    ...(decision.observed === undefined ? {} : { observed: decision.observed }),
    where: placeOf(loaded, explanation),
    call: { server, tool, method, principal, client },
    passed,
    checks,
    values,
    policy: { file: loaded.ok.file, hash: loaded.ok.hash },
  }
}

function print(text: string): void {
  process.stdout.write(`${text}\n`)
}
