// Authensor's JSON policies in this language. Whatever can't be said here fails closed: an allow becomes an escalation, an
// escalation that asked for more than one approver a denial, a denial denies more. A rule that matches more than it did there
// stands behind every denial that followed it: no call is allowed that was not, and what a rule denied stays denied.

import { parseDuration } from '../fields.ts'
import { globsOfScope } from './action-types.ts'
import { type ForeignPolicy, type ForeignRule, foreignPolicy, unknownKeys } from './authensor-form.ts'
import { type Clause, readClauses } from './conditions.ts'

/** A rule as it will be written, and what to say of it. */
export interface ImportedRule {
  readonly rule: Readonly<Record<string, unknown>>
  readonly notes: readonly string[]
  /** It matches more calls than it did, or decides them more strictly. */
  readonly isWider: boolean
}

/** A policy as it will be written. */
export interface ImportedPolicy {
  readonly name: string
  readonly default: 'deny' | 'escalate' | 'allow'
  readonly rules: readonly ImportedRule[]
  /** What concerns the whole policy. */
  readonly notes: readonly string[]
}

/** Most calls and days that a rate limit of ours counts. */
const MAX_CALLS = 10_000

/** Reads such a policy; a string says why it is none. */
export function importAuthensor(value: unknown): ImportedPolicy | string {
  const parsed = foreignPolicy.safeParse(value)
  if (!parsed.success) return parsed.error.issues.map(({ path, message }) => `${path.join('.')}: ${message}`).join('; ')
  const policy = parsed.data
  const scope = readScope(policy)
  const rules = [
    ...scope.beyond.map((tool) => ({
      rule: { tool, action: 'deny' },
      notes: ['outside of the scope'],
      isWider: false,
    })),
    ...policy.rules.flatMap((rule) => importRule(rule, scope)),
  ]
  const isWhole = scope.lost.length === 0 && rules.every(({ isWider }) => !isWider)
  const opens = policy.defaultEffect === 'allow'
  return {
    name: policy.name ?? policy.id,
    default: opens ? (isWhole && scope.tools === undefined ? 'allow' : 'escalate') : 'deny',
    rules: policy.enabled === false ? [] : raiseDenials(rules),
    notes: [
      ...scope.lost,
      ...(policy.enabled === false ? ['the policy is not enabled: none of its rules is carried over'] : []),
      ...(policy.priority === undefined || policy.priority === 0
        ? []
        : ['its priority among other policies: use extends']),
      ...(opens && !isWhole ? ['its default allows, and not all of it was carried over: the default escalates'] : []),
    ],
  }
}

interface Scope {
  readonly tools: readonly string[] | undefined
  readonly principals: readonly string[] | undefined
  readonly beyond: readonly string[]
  /** Restrictions that no rule can say: allows become escalations. */
  readonly lost: readonly string[]
}

function readScope({ scope, ...policy }: ForeignPolicy): Scope {
  const known = [
    'id',
    'name',
    'description',
    'version',
    'enabled',
    'priority',
    'rules',
    'defaultEffect',
    'metadata',
    '$schema',
  ]
  const { actionTypes = [], principalTypes = [], environments = [], ...rest } = scope ?? {}
  const globs = actionTypes.map(globsOfScope)
  const isRead = globs.every((each) => each !== undefined)
  const tools = isRead && globs.length > 0 ? globs.flatMap((each) => each?.globs ?? []) : undefined
  return {
    tools: tools?.includes('*') === true ? undefined : tools,
    principals: principalTypes.length === 0 ? undefined : principalTypes.map((type) => `${type.replace(/\W/g, '?')}:*`),
    beyond: globs.flatMap((each) => each?.beyond ?? []),
    lost: [
      ...(isRead ? [] : [`scope.actionTypes ${JSON.stringify(actionTypes)}`]),
      ...(environments.length === 0 ? [] : [`scope.environments ${JSON.stringify(environments)}: there are none here`]),
      ...[...unknownKeys(policy, known), ...unknownKeys(rest, []).map((key) => `scope.${key}`)].map(
        (key) => `${JSON.stringify(key)}: not known`,
      ),
    ],
  }
}

function importRule(rule: ForeignRule, scope: Scope): readonly ImportedRule[] {
  const clauses = readClauses(rule.condition)
  return clauses.map((clause, place) => importClause(rule, clause, { scope, id: toId(rule.id, clauses.length, place) }))
}

function importClause(
  rule: ForeignRule,
  clause: Clause,
  { scope, id }: { readonly scope: Scope; readonly id: string },
): ImportedRule {
  const { tools, lost: lostScope } = narrow(clause.tools, scope.tools)
  const limit = readLimit(rule, tools)
  const { effect, approvalConfig = {}, description, name } = rule
  const twice = clause.principals !== undefined && scope.principals !== undefined
  const { approvers = [], requiredApprovals = 1, expiresIn, ...more } = approvalConfig
  const known = ['id', 'name', 'description', 'effect', 'condition', 'rateLimit', 'approvalConfig']
  const hasArguments = Object.keys(clause.arguments).length > 0
  // An argument can't be told apart by a denial or an escalation: later rules would not be tried.
  const lostArguments =
    effect === 'allow' || !hasArguments ? [] : [`comparisons of ${Object.keys(clause.arguments).join(', ')}`]
  const unknown = unknownKeys(rule, known).concat(unknownKeys(more, []).map((key) => `approvalConfig.${key}`))
  const lost = [
    ...clause.lost,
    ...lostScope,
    ...(twice ? ['principals of the scope'] : []),
    ...(clause.isForeign
      ? ['an action type of another integration, taken as the name of a tool: put the names of yours in']
      : []),
    ...limit.lost,
    ...lostArguments,
    ...unknown.map((key) => `${JSON.stringify(key)}: not known`),
  ]
  const isStrict = requiredApprovals > 1 || approvers.length > 0
  const isOpen = lost.length > 0 || scope.lost.length > 0
  const action =
    effect === 'deny' || (isStrict && effect === 'require_approval')
      ? 'deny'
      : effect === 'require_approval' || isOpen
        ? 'escalate'
        : 'allow'
  const timeout = expiresIn !== undefined && parseDuration(expiresIn) !== undefined ? expiresIn : undefined
  const constraints = { arguments: { type: 'object', properties: clause.arguments } }
  return {
    rule: {
      id,
      tool: tools ?? '*',
      ...(clause.principals === undefined && scope.principals === undefined
        ? {}
        : { principal: clause.principals ?? scope.principals }),
      action,
      ...(action === 'allow' && hasArguments ? { constraints } : {}),
      ...(action === 'deny' || limit.rateLimit === undefined ? {} : { rateLimit: limit.rateLimit }),
      ...(action === 'escalate' && timeout !== undefined ? { approval: { timeout } } : {}),
      ...((description ?? name) === undefined ? {} : { reason: (description ?? name ?? '').slice(0, 1_000) }),
    },
    notes: [
      ...lost.map((what) => `not carried over: ${what}`),
      ...(action === effect || (action === 'escalate' && effect === 'require_approval')
        ? []
        : [`was ${effect}, is ${action}`]),
      ...(isStrict && effect === 'require_approval'
        ? ['not carried over: who approves, and how many; one approver would be fewer than were asked for']
        : []),
      ...(action === 'allow' && hasArguments
        ? ['calls whose arguments do not meet it are denied here; there later rules were tried']
        : []),
    ],
    isWider: isOpen,
  }
}

/** A rule's own tools within those of the scope: where both are said, the rule's, which the scope can't narrow here. */
function narrow(
  tools: readonly string[] | undefined,
  scope: readonly string[] | undefined,
): { readonly tools: readonly string[] | undefined; readonly lost: readonly string[] } {
  if (tools === undefined || scope === undefined) return { tools: tools ?? scope, lost: [] }
  const isWithin = tools.every((tool) =>
    scope.some(
      (outer) => outer.endsWith('*') && !outer.slice(0, -1).includes('*') && tool.startsWith(outer.slice(0, -1)),
    ),
  )
  return {
    tools,
    lost: isWithin || tools.every((tool) => scope.includes(tool)) ? [] : [`the scope ${scope.join(', ')}`],
  }
}

function readLimit(
  { rateLimit }: ForeignRule,
  tools: readonly string[] | undefined,
): { readonly rateLimit?: object; readonly lost: readonly string[] } {
  if (rateLimit === undefined) return { lost: [] }
  const { requests, window, scope } = rateLimit
  const isOneTool = tools?.length === 1 && !/[*?[]/.test(tools[0] ?? '*')
  const what = `rateLimit ${JSON.stringify({ requests, window, scope })}`
  if (parseDuration(window) === undefined) return { lost: [what] }
  if (scope === 'global' && !isOneTool) return { lost: [`${what}: a limit over all callers and several tools`] }
  const by = scope === 'principal' ? 'principal' : 'tool'
  return { rateLimit: { calls: Math.min(requests, MAX_CALLS), per: window, by }, lost: [] }
}

/** Denials move before the first rule that matches more than it did: they only ever narrow. */
function raiseDenials(rules: readonly ImportedRule[]): readonly ImportedRule[] {
  const first = rules.findIndex(({ rule, isWider }) => isWider && rule.action !== 'deny')
  if (first === -1) return rules
  const after = rules.slice(first)
  const denials = after.filter(({ rule }) => rule.action === 'deny')
  const others = after.filter(({ rule }) => rule.action !== 'deny')
  const raised = denials.map((each) => ({
    ...each,
    notes: [...each.notes, `stands before ${String(rules[first]?.rule.id)}, which matches more than it did`],
  }))
  return [...rules.slice(0, first), ...raised, ...others]
}

function toId(id: string, clauses: number, place: number): string {
  const plain = id
    .replace(/[^\w.:-]/g, '-')
    .replace(/^[^A-Za-z0-9]+/, '')
    .slice(0, 120)
  return `${plain === '' ? 'rule' : plain}${clauses > 1 ? `.${place + 1}` : ''}`
}
