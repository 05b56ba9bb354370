// Adaptive and operator rules: what detectors and operators send to the gateways over `control`.
// A rule only ever denies or escalates, within a scope, until an expiry, for a named cause.
import { z } from 'zod'
import { hashField, nameField, textField, timeField } from './field.ts'
import type { Signals } from './signals.ts'
import { TOOL_CLASSES, type ToolClass } from './tool-class.ts'

/** The most live rules that a gateway honours for one principal; above it all writes of that principal escalate. */
export const MAX_RULES_PER_PRINCIPAL = 20
/** The longest that a rule may live, milliseconds; a longer one is refused by every gateway. */
export const MAX_RULE_LIFE_MS = 60 * 60 * 1000
/** The same of a rule that a person set in their own name, through the API. */
export const MAX_OPERATOR_RULE_LIFE_MS = 7 * 24 * 60 * 60 * 1000
/** The most HMACs in one predicate. */
export const MAX_PREDICATE_VALUES = 500
/** The most arguments or tools that one predicate names. */
export const MAX_PREDICATE_PLACES = 200

/** An argument of a tool; its name is an HMAC, as signals have it. */
export interface ArgumentPlace {
  readonly tool: string
  readonly argument: string
}

/** What a predicate compares: equality of keyed HMACs, so that rules carry no plaintext. */
export type Predicate =
  | { readonly type: 'signal'; readonly field: 'objects' | 'destinations'; readonly anyOf: readonly string[] }
  /** Every value of the field is one of these, and there is at least one: one known value does not cover another. */
  | { readonly type: 'within'; readonly field: 'objects' | 'destinations'; readonly values: readonly string[] }
  /** A secret or an argument's value is one of these, but for arguments by which such values are known to travel. */
  | { readonly type: 'copied'; readonly anyOf: readonly string[]; readonly except: readonly ArgumentPlace[] }
  | { readonly type: 'tool'; readonly anyOf: readonly string[] }
  /** Some destination is not the deployment's own, or there is none: what names no destination may go anywhere. */
  | { readonly type: 'outside' }
  /** The call goes by one of these definitions, and no operator approved it. */
  | { readonly type: 'definition'; readonly anyOf: readonly string[] }
  | { readonly type: 'not'; readonly predicate: Predicate }
  | { readonly type: 'all'; readonly predicates: readonly Predicate[] }
  | { readonly type: 'any'; readonly predicates: readonly Predicate[] }

const predicateField: z.ZodType<Predicate> = z.lazy(() =>
  z.discriminatedUnion('type', [
    z.strictObject({
      type: z.literal('signal'),
      field: z.enum(['objects', 'destinations']),
      anyOf: z.array(z.string().max(64)).max(MAX_PREDICATE_VALUES),
    }),
    z.strictObject({
      type: z.literal('within'),
      field: z.enum(['objects', 'destinations']),
      values: z.array(z.string().max(64)).max(MAX_PREDICATE_VALUES),
    }),
    z.strictObject({
      type: z.literal('copied'),
      anyOf: z.array(z.string().max(64)).max(MAX_PREDICATE_VALUES),
      except: z.array(z.strictObject({ tool: nameField, argument: z.string().max(64) })).max(MAX_PREDICATE_PLACES),
    }),
    z.strictObject({ type: z.literal('tool'), anyOf: z.array(nameField).max(MAX_PREDICATE_PLACES) }),
    z.strictObject({ type: z.literal('outside') }),
    z.strictObject({ type: z.literal('definition'), anyOf: z.array(hashField).max(MAX_PREDICATE_PLACES) }),
    z.strictObject({ type: z.literal('not'), predicate: predicateField }),
    z.strictObject({ type: z.literal('all'), predicates: z.array(predicateField).min(1).max(10) }),
    z.strictObject({ type: z.literal('any'), predicates: z.array(predicateField).min(1).max(10) }),
  ]),
)

const ruleFields = {
  id: hashField,
  /** All that are present must be equal to the call's. Only a person's rule binds everyone. */
  scope: z.strictObject({
    session: nameField.optional(),
    principal: nameField.optional(),
    server: nameField.optional(),
  }),
  /** A tool's name, or `*` for every tool. */
  tool: nameField,
  /** `write` covers every class but `read`; the others stand for themselves. */
  toolClass: z.enum(TOOL_CLASSES).optional(),
  arguments: predicateField.optional(),
  action: z.enum(['deny', 'escalate']),
  reason: textField,
  cause: z.strictObject({
    alert: hashField.optional(),
    operator: nameField.optional(),
    events: z.array(hashField).max(100),
  }),
  createdAt: timeField,
  expiresAt: timeField,
}

/** The form of a rule in `rule/added`. */
export const ruleObject = z
  .strictObject(ruleFields)
  .refine(({ scope, cause }) => !bindsEveryone({ scope }) || cause.operator !== undefined, {
    message: 'expected a session or a principal',
    path: ['scope'],
  })
/** A rule as it stands in `rule/added`. */
export type Rule = z.infer<typeof ruleObject>

/** Reads a rule of unknown origin. Throws a ZodError that names each bad field. */
export function parseRule(value: unknown): Rule {
  return ruleObject.parse(value)
}

/** Whether a rule is about whoever calls. */
export function bindsEveryone({
  scope,
}: {
  readonly scope: { readonly session?: string | undefined; readonly principal?: string | undefined }
}): boolean {
  return scope.session === undefined && scope.principal === undefined
}

/**
 * Whether a rule lies in wait for something named, one for each session and subject, without an alert: it is not counted
 * among those that a principal may have, as every session has some.
 */
export function isArmedRule({ cause }: Rule): boolean {
  return cause.alert === undefined && cause.operator === undefined
}

/** What a rule is compared with: one proposed call. */
export interface RuleSubject {
  /** The call's session, and every other one seen on its connection: a new session id does not lift a rule. */
  readonly sessions: readonly string[]
  readonly principal: string
  readonly server: string
  readonly tool: string
  readonly toolClass: ToolClass
  readonly signals: Signals
  /** Digests of the definitions that a tool call goes by, but for those that an operator approved. */
  readonly definitions?: readonly string[]
}

/** Whether a rule applies to a call; its expiry is the caller's to check. */
export function ruleMatches(rule: Rule, call: RuleSubject): boolean {
  const { scope } = rule
  if (scope.session !== undefined && !call.sessions.includes(scope.session)) return false
  if (scope.principal !== undefined && scope.principal !== call.principal) return false
  if (scope.server !== undefined && scope.server !== call.server) return false
  if (rule.tool !== '*' && rule.tool !== call.tool) return false
  if (rule.toolClass !== undefined && !classCovers(rule.toolClass, call.toolClass)) return false
  return rule.arguments === undefined || predicateHolds(rule.arguments, call.signals, call)
}

function classCovers(ruled: ToolClass, called: ToolClass): boolean {
  return ruled === 'write' ? called !== 'read' : ruled === called
}

/** What a predicate may ask of a call beside its signals; where the tool is not given, no exception applies. */
export type PredicateSubject = Partial<Pick<RuleSubject, 'tool' | 'definitions'>>

/** Whether a predicate holds for a call. */
export function predicateHolds(predicate: Predicate, signals: Signals, about: PredicateSubject = {}): boolean {
  switch (predicate.type) {
    case 'signal': {
      const values = setOf(predicate.anyOf)
      return signals[predicate.field].some((value) => values.has(value))
    }
    case 'within': {
      const values = setOf(predicate.values)
      const own = signals[predicate.field]
      // What was cut off is not known to be among the values.
      return !signals.truncated && own.length > 0 && own.every((value) => values.has(value))
    }
    case 'copied':
      return holdsCopy(predicate, signals, about.tool)
    case 'tool':
      return about.tool !== undefined && predicate.anyOf.includes(about.tool)
    case 'outside':
      return signals.truncated || signals.destinations.length === 0 || signals.own.length < signals.destinations.length
    case 'definition':
      return about.definitions?.some((digest) => predicate.anyOf.includes(digest)) === true
    case 'not':
      return !predicateHolds(predicate.predicate, signals, about)
    case 'all':
      return predicate.predicates.every((each) => predicateHolds(each, signals, about))
    case 'any':
      return predicate.predicates.some((each) => predicateHolds(each, signals, about))
  }
}

/** Made once for each list of a rule: a gateway compares the same lists with every call. */
const sets = new WeakMap<readonly string[], ReadonlySet<string>>()

function setOf(values: readonly string[]): ReadonlySet<string> {
  const known = sets.get(values)
  if (known !== undefined) return known
  const made = new Set(values)
  sets.set(values, made)
  return made
}

function holdsCopy(
  { anyOf, except }: Extract<Predicate, { type: 'copied' }>,
  signals: Signals,
  tool: string | undefined,
): boolean {
  const values = setOf(anyOf)
  const isExcepted = (name: string): boolean => {
    return except.some((place) => place.tool === tool && place.argument === name)
  }
  return (
    signals.secrets.some((value) => values.has(value)) ||
    signals.fields.some((each) => !isExcepted(each.name) && each.values.some((value) => values.has(value)))
  )
}
