// Runs the cases of a test file through the evaluator that gateways use: each case begins with nothing used up, and makes
// its call as often as it says; the last decision is the one that counts.

import { Counters } from '../counters.ts'
import { type DecisionFacts, recordedReason } from './decision.ts'
import { toPolicyCall } from './described-call.ts'
import { type Explanation, explainDecision } from './explain.ts'
import { parseDuration } from './fields.ts'
import type { RealPath } from './locate.ts'
import type { Policy } from './policy.ts'
import { parseMoment } from './schema.ts'
import type { PolicyTestCase, PolicyTestFile } from './test-cases.ts'

/** What became of a case. */
export interface CaseResult {
  readonly name: string
  readonly passed: boolean
  readonly expected: PolicyTestCase['expect']
  readonly actual: { readonly decision: string; readonly rule: string; readonly reason: string }
  readonly explanation: Explanation
}

/** Runs every case; `nowMs` is the moment of those that name none. */
export function runTestCases(policy: Policy, file: PolicyTestFile, nowMs: number): readonly CaseResult[] {
  const facts = { realPath: createLinkedPaths(file.links ?? {}), root: file.root, remote: file.remote === true }
  const at = parseMoment(file.at ?? '') ?? nowMs
  return file.cases.map((each) => runCase(policy, each, { ...facts, nowMs: parseMoment(each.at ?? '') ?? at }))
}

function runCase(policy: Policy, each: PolicyTestCase, facts: DecisionFacts): CaseResult {
  const { name, call: described, times = 1, within, repeatsUnknown, expect: expected } = each
  const call = { ...toPolicyCall(described), isRepeatOfUnknown: () => repeatsUnknown === true }
  const counters = new Counters({ isKnown: true })
  const spanMs = parseDuration(within ?? '') ?? 0
  let explanation: Explanation | undefined
  for (let count = 1; count <= times; count += 1) {
    const nowMs = facts.nowMs + Math.floor((spanMs * (count - 1)) / times)
    explanation = explainDecision(policy, call, { ...facts, counters, nowMs })
    const { decision, charges = [] } = explanation.decision
    if (decision !== 'deny') counters.reserve(charges, nowMs)
  }
  if (explanation === undefined) throw new RangeError('a case makes its call at least once')
  const { decision, rule } = explanation.decision
  const actual = { decision, rule, reason: recordedReason(explanation.decision) }
  const passed =
    actual.decision === expected.decision &&
    (expected.rule === undefined || expected.rule === rule) &&
    (expected.reason === undefined || expected.reason === actual.reason)
  return { name, passed, expected, actual, explanation }
}

/** A file system that holds nothing but these links: every other path leads where it is written. */
export function createLinkedPaths(links: Readonly<Record<string, string>>): RealPath {
  const targets = new Map(Object.entries(links))
  const directories = new Set([...targets.keys()].flatMap(listAncestors))
  return (path) => {
    const target = targets.get(path)
    if (target !== undefined) return { type: 'link', target }
    return directories.has(path) ? { type: 'found', path } : { type: 'absent' }
  }
}

function listAncestors(path: string): readonly string[] {
  const segments = path.split('/')
  return segments.map((_, count) => segments.slice(0, count).join('/')).filter((ancestor) => ancestor !== '')
}
