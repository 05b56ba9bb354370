// What is wrong with a policy file, told so that a person can mend it: file, line, column, key, what was expected, and the
// key that was probably meant.

import type { Document, LineCounter } from 'yaml'
import { isMap, isNode, isScalar } from 'yaml'
import type { z } from 'zod'
import { ToolwardenError } from '../../events/errors.ts'
import { PINNING_KEYS } from './pinning.ts'
import {
  approvalSchema,
  budgetSchema,
  constraintsSchema,
  policySchema,
  rateLimitSchema,
  ruleSchema,
  whenSchema,
} from './schema.ts'

/** One error of a policy file. */
export interface PolicyProblem {
  /** `file:line:column:key`. */
  readonly where: string
  readonly file: string
  readonly line: number
  readonly column: number
  /** The path of keys, as `rules[2].constraints`; empty for the whole file. */
  readonly key: string
  readonly message: string
  /** The valid key that is closest to an unknown one. */
  readonly nearest?: string | undefined
}

/** Sorts problems of one file as they stand in it. */
export function byPlace(a: PolicyProblem, b: PolicyProblem): number {
  return a.line - b.line || a.column - b.column
}

/** A parsed file, for finding the place of a value. */
export interface Source {
  readonly file: string
  readonly document: Document
  readonly lines: LineCounter
}

/** The keys from the top of a file to a value. */
export type KeyPath = readonly PropertyKey[]

/** A problem of the value at a key path. */
export function problemAt(source: Source, path: KeyPath, message: string, nearest?: string): PolicyProblem {
  const { line, col } = source.lines.linePos(findOffset(source.document, path))
  const key = describePath(path)
  const where = `${source.file}:${line}:${col}${key === '' ? '' : `:${key}`}`
  return { where, file: source.file, line, column: col, key, message, ...(nearest === undefined ? {} : { nearest }) }
}

/** The keys that may stand at a place. */
export type KnownKeys = (path: KeyPath) => readonly string[]

/** One problem for each issue, and for each unknown key; of a policy unless told which keys are known. */
export function describeIssues(
  source: Source,
  issues: readonly z.core.$ZodIssue[],
  keysAt: KnownKeys = knownKeys,
): readonly PolicyProblem[] {
  return issues.flatMap((issue) => {
    if (issue.code !== 'unrecognized_keys') return [problemAt(source, issue.path, issue.message)]
    return issue.keys.map((key) => describeUnknownKey(source, [...issue.path, key], keysAt(issue.path)))
  })
}

function describeUnknownKey(source: Source, path: KeyPath, known: readonly string[]): PolicyProblem {
  const key = String(path.at(-1))
  const nearest = findNearest(key, known)
  const hint = nearest === undefined ? '' : `, did you mean "${nearest}"?`
  const message = `unknown key "${key}"${hint} (expected one of ${known.join(', ')})`
  return problemAt(source, path, message, nearest)
}

/** Ids have to be unique, over all files of a policy, since decisions and evidence name their rule by them. */
export function listDuplicateIds(
  source: Source,
  value: unknown,
  taken: ReadonlyMap<string, string>,
): readonly PolicyProblem[] {
  const rules =
    typeof value === 'object' && value !== null && 'rules' in value && Array.isArray(value.rules) ? value.rules : []
  const seen = new Map<string, string>(taken)
  return rules.flatMap((rule: unknown, place) => {
    const id = typeof rule === 'object' && rule !== null && 'id' in rule ? rule.id : undefined
    if (typeof id !== 'string') return []
    const first = seen.get(id)
    if (first === undefined) seen.set(id, `rules[${place}]`)
    return first === undefined
      ? []
      : [problemAt(source, ['rules', place, 'id'], `the id "${id}" is already that of ${first}`)]
  })
}

/** The error that a gateway or command reports for a refused file; of a policy unless told. */
export function createPolicyError(
  problems: readonly PolicyProblem[],
  what: { readonly name: string; readonly fix: string } = {
    name: 'policy',
    fix: 'mend the file; until it loads, the last good policy stays in force (at start: every call is denied)',
  },
): ToolwardenError {
  const lines = problems.map((problem) => `${problem.where}: ${problem.message}`)
  const count = `${problems.length} ${problems.length === 1 ? 'error' : 'errors'}`
  const message = `the ${what.name} has ${count}\n  ${lines.join('\n  ')}`
  return new ToolwardenError('POLICY_INVALID', message, { where: problems[0]?.where, fix: what.fix })
}

const keysBelow: Readonly<Record<string, readonly string[]>> = {
  constraints: Object.keys(constraintsSchema.shape),
  approval: Object.keys(approvalSchema.shape),
  rateLimit: Object.keys(rateLimitSchema.shape),
  budget: Object.keys(budgetSchema.shape),
  when: Object.keys(whenSchema.shape),
}

function knownKeys(path: KeyPath): readonly string[] {
  if (path.length === 0) return Object.keys(policySchema.shape)
  if (path[0] === 'pinning') return PINNING_KEYS
  return keysBelow[String(path.at(-1))] ?? Object.keys(ruleSchema.shape)
}

/** The offset of the deepest part of the path that the file holds: the key where it is one, else the item. */
function findOffset(document: Document, path: KeyPath): number {
  const parent = document.getIn(path.slice(0, -1), true)
  const last = path.at(-1)
  if (isMap(parent)) {
    const pair = parent.items.find((item) => isScalar(item.key) && item.key.value === last)
    if (pair !== undefined && isNode(pair.key)) return pair.key.range?.[0] ?? 0
  }
  const node: unknown = path.length === 0 ? document.contents : document.getIn(path, true)
  if (isNode(node)) return node.range?.[0] ?? 0
  return path.length === 0 ? 0 : findOffset(document, path.slice(0, -1))
}

function describePath(path: KeyPath): string {
  return path.reduce<string>(
    (text, part) => (typeof part === 'number' ? `${text}[${part}]` : `${text}${text === '' ? '' : '.'}${String(part)}`),
    '',
  )
}

/** Most edits between an unknown key and the one that is suggested. */
const MAX_SUGGESTED_EDITS = 3

/** The known name that a misspelt one probably stands for. */
export function findNearest(key: string, known: readonly string[]): string | undefined {
  const lower = key.toLowerCase().slice(0, 64)
  const ranked = known
    .map((name) => ({ name, edits: countEdits(lower, name.toLowerCase()) }))
    .sort((a, b) => a.edits - b.edits)
  const best = ranked[0]
  return best !== undefined && best.edits <= Math.min(MAX_SUGGESTED_EDITS, Math.ceil(best.name.length / 2))
    ? best.name
    : undefined
}

/** Levenshtein distance. */
function countEdits(from: string, to: string): number {
  let row = Array.from({ length: to.length + 1 }, (_, place) => place)
  for (let i = 1; i <= from.length; i += 1) {
    const next = [i]
    for (let j = 1; j <= to.length; j += 1) {
      const replaced = (row[j - 1] ?? 0) + (from[i - 1] === to[j - 1] ? 0 : 1)
      next.push(Math.min(replaced, (row[j] ?? 0) + 1, (next[j - 1] ?? 0) + 1))
    }
    row = next
  }
  return row[to.length] ?? 0
}
