// Building blocks of the policy tests: policies from rules, calls and facts with defaults, and a sandbox of real files.

import assert from 'node:assert/strict'
import { mkdirSync, mkdtempSync, realpathSync, rmSync, symlinkSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join, resolve } from 'node:path'
import { stringify } from 'yaml'
import type { DecisionFacts, PolicyCall, PolicyDecision } from '../../../gateway/policy/decision.ts'
import { decide } from '../../../gateway/policy/evaluate.ts'
import { parsePolicy } from '../../../gateway/policy/load.ts'
import type { Policy } from '../../../gateway/policy/policy.ts'
import type { PolicyProblem } from '../../../gateway/policy/problems.ts'
import { lookUpRealPath } from '../../../gateway/policy/real-path.ts'

/** The policy of a text, which has to be valid. */
export function loadPolicy(text: string): Policy {
  const parsed = parsePolicy(text, { file: 'policy.yaml' })
  if ('errors' in parsed) assert.fail(parsed.errors.map((error) => `${error.where}: ${error.message}`).join('\n'))
  return parsed.ok
}

/** The errors of a text, which has to have some. */
export function loadErrors(text: string): readonly PolicyProblem[] {
  const parsed = parsePolicy(text, { file: 'policy.yaml' })
  if ('ok' in parsed) assert.fail('the policy is valid')
  return parsed.errors
}

/** A policy of these rules. */
export function policyOf(...rules: readonly object[]): Policy {
  return loadPolicy(stringify({ version: '1', rules }))
}

/** A policy that allows every call within the constraints. */
export function policyWithin(constraints: object): Policy {
  return policyOf({ action: 'allow', constraints })
}

/** A call of `read_file` with these arguments. */
export function callWith(argumentsValue: unknown, names: Partial<PolicyCall> = {}): PolicyCall {
  return {
    server: 'files',
    tool: 'read_file',
    principal: 'agent:a@host',
    client: 'inspector',
    argumentsValue,
    toolClass: 'read',
    ...names,
  }
}

/** Facts of a local server. */
export function factsOf(facts: Partial<DecisionFacts> = {}): DecisionFacts {
  return { realPath: lookUpRealPath, remote: false, nowMs: 1_795_000_000_000, ...facts }
}

/** Decides on a call with these arguments. */
export function decideOn(policy: Policy, argumentsValue: unknown, facts: Partial<DecisionFacts> = {}): PolicyDecision {
  return decide(policy, callWith(argumentsValue), factsOf(facts))
}

/** A directory with an allowed `root`, a secret beside it, and links of every kind between them. */
export interface Sandbox {
  readonly root: string
  readonly outside: string
  readonly remove: () => void
}

/** Makes a sandbox of real files. */
export function createSandbox(): Sandbox {
  const top = realpathSync(mkdtempSync(join(tmpdir(), 'toolwarden-policy-')))
  const root = join(top, 'root')
  const outside = join(top, 'outside')
  for (const directory of [root, outside, join(root, 'docs', 'deep'), join(top, 'root-beside')])
    mkdirSync(directory, { recursive: true })
  for (const file of [join(root, 'docs', 'a.txt'), join(outside, 'secret.txt'), join(top, 'root-beside', 'b.txt')])
    writeFileSync(file, 'text')
  symlinkSync(outside, join(root, 'out'))
  symlinkSync(join(outside, 'secret.txt'), join(root, 'secret'))
  symlinkSync(join(outside, 'new.txt'), join(root, 'dangling-out'))
  symlinkSync(join(root, 'new.txt'), join(root, 'dangling-in'))
  symlinkSync(join(root, 'docs'), join(root, 'inside'))
  symlinkSync(join(root, 'loop'), join(root, 'loop'))
  return { root, outside, remove: () => rmSync(top, { recursive: true, force: true }) }
}

/** Where the shared inputs lie: `TOOLWARDEN_SHARED`, else beside the repository. */
export function sharedDirectory(): string {
  return process.env.TOOLWARDEN_SHARED ?? resolve(process.cwd(), '../shared')
}
