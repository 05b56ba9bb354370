// The adaptive rules in force for a call, found without looking at those of other sessions and principals. Times are read and
// rules are sorted once, when they arrive, not for each decision; what has passed is passed over at each.
import type { ControlView, LiveSubject } from '../events/control-view.ts'
import type { EventOf } from '../events/event.ts'
import { roleOf } from '../events/role.ts'
import { bindsEveryone, isArmedRule, MAX_OPERATOR_RULE_LIFE_MS, MAX_RULE_LIFE_MS, type Rule } from '../events/rule.ts'
import { SubjectMap } from '../events/subject-map.ts'
import { parseTime } from '../events/time.ts'

/** How far a rule's writer's clock may be ahead. */
const CLOCK_SKEW_MICROS = 60_000_000

/** A rule as its event says it. */
type AddedRule = Pick<EventOf<'rule/added'>, 'rule' | 'writer'>

/** A rule with its times read. */
interface TimedRule {
  readonly added: AddedRule
  readonly rule: Rule
  /** The API signed it for a person. */
  readonly isOperators: boolean
  readonly expiresMicros: number
  readonly lifeMicros: number
}

/** A rule with its subject, at its place among the rules of one map: the order in which they were said. */
interface PlacedRule {
  readonly timed: TimedRule
  readonly subject: string
  readonly place: number
}

/** Rules by whom they are about; each list is ascending. A rule stands in one of the first three. */
interface AdaptiveRules {
  readonly ofEveryone: readonly PlacedRule[]
  readonly bySession: ReadonlyMap<string, readonly PlacedRule[]>
  readonly byPrincipal: ReadonlyMap<string, readonly PlacedRule[]>
  /** Those that count against what one principal may have. */
  readonly countedByPrincipal: ReadonlyMap<string, readonly PlacedRule[]>
}

/** Made once for a map of subjects, and gone with it: none is ever changed, but replaced. */
const known = new WeakMap<ControlView['subjects'], AdaptiveRules>()
const timedRules = new WeakMap<AddedRule, TimedRule>()

/** The rules in force that are about one of these sessions or this principal, in the order in which they were said. */
export function listRulesAbout(
  view: ControlView,
  { sessions, principal }: { readonly sessions: readonly string[]; readonly principal: string },
  nowMicros: number,
): readonly Rule[] {
  const about = [...new Set(sessions)]
  return findPlaced(view, nowMicros, ({ ofEveryone, bySession, byPrincipal }) => {
    return [ofEveryone, byPrincipal.get(principal), ...about.map((session) => bySession.get(session))]
  }).map(({ timed }) => timed.rule)
}

/** How many rules in force count against what one principal may have. */
export function countRulesOf(view: ControlView, principal: string, nowMicros: number): number {
  return findPlaced(view, nowMicros, ({ countedByPrincipal }) => [countedByPrincipal.get(principal)]).length
}

/** Those of some lists that are in force: of what came last, and of the others what nothing has replaced. */
function findPlaced(
  { subjects }: ControlView,
  nowMicros: number,
  pick: (rules: AdaptiveRules) => readonly (readonly PlacedRule[] | undefined)[],
): readonly PlacedRule[] {
  const { others, newest } = SubjectMap.of(subjects)
  const listed = (part: ControlView['subjects']): readonly PlacedRule[] => {
    const lists = pick(rulesOf(part)).flatMap((list) => list?.filter(({ timed }) => isInForce(timed, nowMicros)) ?? [])
    return lists.sort((a, b) => a.place - b.place)
  }
  return [...listed(others).filter(({ subject }) => !newest.has(subject)), ...listed(newest)]
}

/**
 * What makes a rule one that its writer may not send: a life above an hour, by its own words or from now on, since a rule that
 * is dated ahead would live until then; and binding everyone. A person may do both, for a week.
 */
export function ruleProblem(added: AddedRule, nowMicros: number): string | undefined {
  const { rule, isOperators, lifeMicros, expiresMicros } = timedRuleOf(added)
  const maxMs = isOperators ? MAX_OPERATOR_RULE_LIFE_MS : MAX_RULE_LIFE_MS
  const maxMicros = maxMs * 1000 + CLOCK_SKEW_MICROS
  if (lifeMicros > maxMicros || expiresMicros - nowMicros > maxMicros)
    return `the rule lives for more than ${isOperators ? 'a week' : 'an hour'}`
  return bindsEveryone(rule) && !isOperators ? 'a rule for everyone that no person made' : undefined
}

function isInForce(timed: TimedRule, nowMicros: number): boolean {
  if (timed.expiresMicros <= nowMicros) return false
  return ruleProblem(timed.added, nowMicros) === undefined
}

function rulesOf(subjects: ControlView['subjects']): AdaptiveRules {
  const rules = known.get(subjects) ?? sortRules(subjects.values())
  known.set(subjects, rules)
  return rules
}

function sortRules(subjects: Iterable<LiveSubject>): AdaptiveRules {
  const ofEveryone: PlacedRule[] = []
  const bySession = new Map<string, PlacedRule[]>()
  const byPrincipal = new Map<string, PlacedRule[]>()
  const countedByPrincipal = new Map<string, PlacedRule[]>()
  let place = 0
  for (const { subject, event } of subjects) {
    if (event.type !== 'rule/added') continue
    const placed = { timed: timedRuleOf(event), subject, place }
    const { session, principal } = event.rule.scope
    if (session !== undefined) addTo(bySession, session, placed)
    else if (principal !== undefined) addTo(byPrincipal, principal, placed)
    else ofEveryone.push(placed)
    if (principal !== undefined && !isArmedRule(event.rule)) addTo(countedByPrincipal, principal, placed)
    place += 1
  }
  return { ofEveryone, bySession, byPrincipal, countedByPrincipal }
}

function addTo(lists: Map<string, PlacedRule[]>, key: string, rule: PlacedRule): void {
  const list = lists.get(key)
  if (list === undefined) lists.set(key, [rule])
  else list.push(rule)
}

function timedRuleOf(added: AddedRule): TimedRule {
  const read = timedRules.get(added)
  if (read !== undefined) return read
  const { rule, writer } = added
  const expiresMicros = parseTime(rule.expiresAt)
  const isOperators = rule.cause.operator !== undefined && roleOf(writer) === 'api'
  const timed = { added, rule, isOperators, expiresMicros, lifeMicros: expiresMicros - parseTime(rule.createdAt) }
  timedRules.set(added, timed)
  return timed
}
