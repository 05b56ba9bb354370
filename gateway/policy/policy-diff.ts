// What changed between two policies, rule by rule: rules are the same where their names are; one without an id where it
// says the same. The order matters, since the first rule that matches decides.

import type { Policy, Rule } from './policy.ts'

/** One key that a rule has otherwise in the new policy, as JSON; undefined where it has none. */
export interface KeyChange {
  readonly key: string
  readonly before: string | undefined
  readonly after: string | undefined
}

/** One difference between two policies. */
export type PolicyChange =
  | { readonly type: 'added' | 'removed'; readonly rule: string; readonly place: number; readonly action: string }
  | { readonly type: 'changed'; readonly rule: string; readonly place: number; readonly keys: readonly KeyChange[] }
  /** It stands before or behind other rules than it did. */
  | { readonly type: 'moved'; readonly rule: string; readonly place: number }
  | { readonly type: 'default' | 'observeUntil'; readonly before: string; readonly after: string }

/** Lists what is different in `after`. */
export function diffPolicies(before: Policy, after: Policy): readonly PolicyChange[] {
  const old = new Map(before.rules.map((rule) => [identityOf(rule), rule]))
  const now = new Map(after.rules.map((rule) => [identityOf(rule), rule]))
  const kept = before.rules.filter((rule) => now.has(identityOf(rule))).map(identityOf)
  const moved = findMoved(
    kept,
    after.rules.map(identityOf).filter((identity) => old.has(identity)),
  )
  return [
    ...diffSettings(before, after),
    ...before.rules.flatMap((rule, place) => (now.has(identityOf(rule)) ? [] : [toChange('removed', rule, place)])),
    ...after.rules.flatMap((rule, place) => {
      const was = old.get(identityOf(rule))
      if (was === undefined) return [toChange('added', rule, place)]
      const keys = diffRule(was, rule)
      return [
        ...(keys.length === 0 ? [] : [{ type: 'changed', rule: rule.name, place, keys } as const]),
        ...(moved.has(identityOf(rule)) ? [{ type: 'moved', rule: rule.name, place } as const] : []),
      ]
    }),
  ]
}

function toChange(type: 'added' | 'removed', { name, action }: Rule, place: number): PolicyChange {
  return { type, rule: name, place, action }
}

function identityOf(rule: Rule): string {
  return rule.written.id === undefined ? `content ${writtenText(rule.written)}` : `id ${rule.written.id}`
}

function diffSettings(before: Policy, after: Policy): readonly PolicyChange[] {
  const until = ({ observeUntilMs }: Policy): string =>
    observeUntilMs === undefined ? 'enforced' : new Date(observeUntilMs).toISOString()
  return [
    ...(before.defaultAction === after.defaultAction
      ? []
      : [{ type: 'default', before: before.defaultAction, after: after.defaultAction } as const]),
    ...(until(before) === until(after)
      ? []
      : [{ type: 'observeUntil', before: until(before), after: until(after) } as const]),
  ]
}

function diffRule(before: Rule, after: Rule): readonly KeyChange[] {
  const keys = new Set([...Object.keys(before.written), ...Object.keys(after.written)] as (keyof Rule['written'])[])
  return [...keys].flatMap((key): readonly KeyChange[] => {
    const [was, is] = [before.written[key], after.written[key]]
    return writtenText(was) === writtenText(is)
      ? []
      : [{ key, before: was && writtenText(was), after: is && writtenText(is) }]
  })
}

/** As it stands in the file; keys sorted, since their order says nothing. */
export function writtenText(value: unknown): string | undefined {
  return JSON.stringify(value, (key, item: unknown) => {
    if (typeof item !== 'object' || item === null || Array.isArray(item)) return item
    const shown = key === 'arguments' && 'written' in item ? item.written : item
    return Object.fromEntries(Object.entries(shown as object).sort(([a], [b]) => (a < b ? -1 : 1)))
  })
}

/** The fewest rules whose moving explains the new order: those outside a longest common subsequence. */
function findMoved(before: readonly string[], after: readonly string[]): ReadonlySet<string> {
  const placeBefore = new Map(before.map((identity, place) => [identity, place]))
  // Longest increasing subsequence of the old places, by patience sorting.
  const tails: number[] = []
  const places = after.map((identity) => placeBefore.get(identity) ?? 0)
  const previous: (number | undefined)[] = []
  const heads: number[] = []
  for (const [at, place] of places.entries()) {
    const found = tails.findIndex((tail) => tail >= place)
    const pile = found === -1 ? tails.length : found
    tails[pile] = place
    previous[at] = pile === 0 ? undefined : heads[pile - 1]
    heads[pile] = at
  }
  const still = new Set<number>()
  for (let at = heads[tails.length - 1]; at !== undefined; at = previous[at]) still.add(at)
  return new Set(after.filter((_, at) => !still.has(at)))
}
