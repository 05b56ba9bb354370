// Finds the rules that could match a call, in the file's order, without looking at the others: each rule stands in one
// bucket, under the literal tool, server or principal (or the tool's literal prefix or suffix) that sets it apart best.

import type { NameMatcher } from './match.ts'
import type { Rule } from './policy.ts'

/** What a call is matched by. */
export interface CallNames {
  readonly server: string
  readonly tool: string
  readonly principal: string
  readonly client: string
  /** `tools/call` unless it says something else; then `tool` is the prompt's name or the resource's URI. */
  readonly method?: string | undefined
}

/** Rules by their place in the file; every bucket is ascending. */
export interface RuleIndex {
  readonly byTool: ReadonlyMap<string, readonly number[]>
  readonly byServer: ReadonlyMap<string, readonly number[]>
  readonly byPrincipal: ReadonlyMap<string, readonly number[]>
  readonly byToolPrefix: ReadonlyMap<string, readonly number[]>
  readonly byToolSuffix: ReadonlyMap<string, readonly number[]>
  /** The lengths of the keys of `byToolPrefix`, ascending; likewise of `byToolSuffix`. */
  readonly prefixLengths: readonly number[]
  readonly suffixLengths: readonly number[]
  readonly others: readonly number[]
}

type Dimension = 'byTool' | 'byServer' | 'byPrincipal' | 'byToolPrefix' | 'byToolSuffix'
const dimensions: readonly Dimension[] = ['byTool', 'byPrincipal', 'byServer', 'byToolPrefix', 'byToolSuffix']

/** Builds the index of a policy's rules. */
export function createRuleIndex(rules: readonly Rule[]): RuleIndex {
  const keysOfRules = rules.map((rule) => new Map(dimensions.map((dimension) => [dimension, keysOf(rule, dimension)])))
  const sizes = countKeys(keysOfRules)
  const buckets = new Map<Dimension, Map<string, number[]>>(dimensions.map((dimension) => [dimension, new Map()]))
  const others: number[] = []
  keysOfRules.forEach((keys, place) => {
    const best = pickDimension(keys, sizes)
    if (best === undefined) others.push(place)
    for (const key of best === undefined ? [] : new Set(keys.get(best))) {
      const bucket = buckets.get(best ?? 'byTool')
      bucket?.set(key, [...(bucket.get(key) ?? []), place])
    }
  })
  const get = (dimension: Dimension): ReadonlyMap<string, readonly number[]> => buckets.get(dimension) ?? new Map()
  return {
    byTool: get('byTool'),
    byServer: get('byServer'),
    byPrincipal: get('byPrincipal'),
    byToolPrefix: get('byToolPrefix'),
    byToolSuffix: get('byToolSuffix'),
    prefixLengths: lengthsOf(get('byToolPrefix')),
    suffixLengths: lengthsOf(get('byToolSuffix')),
    others,
  }
}

function lengthsOf(bucket: ReadonlyMap<string, unknown>): readonly number[] {
  return [...new Set([...bucket.keys()].map((key) => key.length))].sort((a, b) => a - b)
}

/** The keys under which a rule can be found in one dimension; undefined where it could match outside of any key. */
function keysOf(rule: Rule, dimension: Dimension): readonly string[] | undefined {
  // A method's pattern says nothing of the tool's name, and calls are looked up by that.
  const tools = rule.tools?.some(({ kind }) => kind === 'method') === true ? undefined : rule.tools
  switch (dimension) {
    case 'byTool':
      return literals(tools?.map((pattern) => pattern.tool))
    case 'byServer':
      return literals(rule.servers) ?? literals(tools?.map((pattern) => pattern.server))
    case 'byPrincipal':
      return literals(rule.principals)
    case 'byToolPrefix':
      return unlessEmpty(tools?.map((pattern) => pattern.tool.prefix))
    case 'byToolSuffix':
      return unlessEmpty(tools?.map((pattern) => pattern.tool.suffix))
  }
}

function unlessEmpty(keys: readonly string[] | undefined): readonly string[] | undefined {
  return keys?.includes('') === true ? undefined : keys
}

function literals(matchers: readonly (NameMatcher | undefined)[] | undefined): readonly string[] | undefined {
  const found = matchers?.flatMap((matcher) => matcher?.literal ?? [])
  return found !== undefined && found.length === matchers?.length ? found : undefined
}

type Keys = ReadonlyMap<Dimension, readonly string[] | undefined>

function countKeys(keysOfRules: readonly Keys[]): ReadonlyMap<string, number> {
  const sizes = new Map<string, number>()
  for (const keys of keysOfRules) {
    for (const [dimension, names] of keys) {
      for (const name of names ?? []) sizes.set(`${dimension} ${name}`, (sizes.get(`${dimension} ${name}`) ?? 0) + 1)
    }
  }
  return sizes
}

/** The dimension in which the rule's fullest bucket is the smallest. */
function pickDimension(keys: Keys, sizes: ReadonlyMap<string, number>): Dimension | undefined {
  let best: { readonly dimension: Dimension; readonly size: number } | undefined
  for (const [dimension, names] of keys) {
    if (names === undefined) continue
    const size = Math.max(...names.map((name) => sizes.get(`${dimension} ${name}`) ?? 0))
    if (best === undefined || size < best.size) best = { dimension, size }
  }
  return best?.dimension
}

/** The first rule in the file's order, among those that could match, that `matches` accepts. */
export function findFirstRule(
  index: RuleIndex,
  call: CallNames,
  matches: (place: number) => boolean,
): number | undefined {
  const lists = listBuckets(index, call)
  if (lists.length === 1) return lists[0]?.find(matches)
  const heads = lists.map(() => 0)
  for (;;) {
    let next = Number.POSITIVE_INFINITY
    for (let list = 0; list < lists.length; list += 1) next = Math.min(next, lists[list]?.[heads[list] ?? 0] ?? next)
    if (next === Number.POSITIVE_INFINITY) return undefined
    if (matches(next)) return next
    for (let list = 0; list < lists.length; list += 1) {
      const head = heads[list] ?? 0
      if (lists[list]?.[head] === next) heads[list] = head + 1
    }
  }
}

function listBuckets(index: RuleIndex, call: CallNames): readonly (readonly number[])[] {
  const lists = [index.others]
  for (const bucket of [
    index.byTool.get(call.tool),
    index.byServer.get(call.server),
    index.byPrincipal.get(call.principal),
  ]) {
    if (bucket !== undefined) lists.push(bucket)
  }
  for (const length of index.prefixLengths) {
    if (length > call.tool.length) break
    const bucket = index.byToolPrefix.get(call.tool.slice(0, length))
    if (bucket !== undefined) lists.push(bucket)
  }
  for (const length of index.suffixLengths) {
    if (length > call.tool.length) break
    const bucket = index.byToolSuffix.get(call.tool.slice(call.tool.length - length))
    if (bucket !== undefined) lists.push(bucket)
  }
  return lists
}
