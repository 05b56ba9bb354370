// `toolwarden policy explain`: what a policy decides on one call, by which rule and check, and why no rule before it did.
// It decides as a gateway on this machine would, but for what only a running gateway knows: what limits have used up, adaptive
// rules and the kill switch.
import { resolve } from 'node:path'
import { ToolwardenError } from '../events/errors.ts'
import { type PolicyCall, recordedReason } from '../gateway/policy/decision.ts'
import { ASSUMED, type DescribedCall, describedCall, toPolicyCall } from '../gateway/policy/described-call.ts'
import { type Explanation, explainDecision } from '../gateway/policy/explain.ts'
import { lookUpRealPath } from '../gateway/policy/real-path.ts'
import { createRulePlaces } from '../gateway/policy/rule-places.ts'
import { createLinkedPaths } from '../gateway/policy/run-test-cases.ts'
import { loadConfig } from './config.ts'
import { findPolicyFile, type LoadedPolicy, loadPolicy, parseJsonOption } from './policy-file.ts'
import { protectOwn } from './protection.ts'

/** Options as commander gives them. */
export interface ExplainFlags {
  readonly call?: string
  readonly tool?: string
  readonly server?: string
  readonly principal?: string
  readonly client?: string
  readonly arguments?: string
  readonly root?: string
  readonly remote?: boolean
  readonly lexical?: boolean
  readonly config?: string
  readonly json?: boolean
}

/** Explains one call. Throws USAGE, POLICY_INVALID, CONFIG_INVALID. */
export async function runPolicyExplain(file: string | undefined, flags: ExplainFlags): Promise<void> {
  const described = readCall(flags)
  const nowMs = Date.now()
  const loaded = loadPolicy(await findPolicyFile(file, flags.config), nowMs)
  const { ok: policy } = loaded
  const call = toPolicyCall(describedCall.parse(described))
  const explanation = explainDecision(policy, call, {
    realPath: flags.lexical === true ? createLinkedPaths({}) : lookUpRealPath,
    root: flags.root === undefined ? undefined : resolve(flags.root),
    remote: flags.remote === true,
    nowMs,
    protection: protectOwn(await loadConfig(process.env, flags.config), {
      policyFiles: policy.files,
      serverDirectories: [],
    }),
  })
  const assumed = (Object.keys(ASSUMED) as (keyof typeof ASSUMED)[]).filter((key) => described[key] === undefined)
  print(
    flags.json === true
      ? JSON.stringify(toJson(loaded, call, explanation))
      : describeExplanation(loaded, { call, explanation, assumed }),
  )
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
}

function describeExplanation(loaded: LoadedPolicy, { call, explanation, assumed }: Explained): string {
  const { decision, rule, passed, checks, values } = explanation
  const by = rule === undefined ? decision.rule : `rule ${rule.name} at ${placeOf(loaded, explanation)}`
  const missing = assumed.map((key) => `${key} ${call[key]}`).join(', ')
  return [
    `${decision.decision} (${recordedReason(decision)}) by ${by}`,
    `  ${decision.text}`,
    ...(missing === '' ? [] : [`not given, taken as: ${missing}`]),
    ...(passed.length === 0 ? [] : ['rules before it that do not match:']),
    ...passed.map(({ rule: name, mismatch, written }) => `  ${name}: ${mismatch} is none of ${written}`),
    ...(checks.length === 0 ? [] : ['what the rule asks for:']),
    ...checks.map(({ check, problem }) => `  ${check}: ${problem === undefined ? 'holds' : `broken: ${problem}`}`),
    ...values.map(({ check, value, problem }) => `    ${check} ${JSON.stringify(value)}: ${problem ?? 'holds'}`),
    ...(rule !== undefined && rule.limits.length > 0 ? ['limits: as if nothing was used up yet'] : []),
    `policy ${loaded.ok.file} ${loaded.ok.hash}`,
  ].join('\n')
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
