// The policy of the guide that the project grew from loads and decides as its README says.
import assert from 'node:assert/strict'
import { existsSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, it } from 'node:test'
import type { PolicyDecision } from '../../../gateway/policy/decision.ts'
import { decide } from '../../../gateway/policy/evaluate.ts'
import type { Policy } from '../../../gateway/policy/policy.ts'
import { callWith, factsOf, loadPolicy, sharedDirectory } from './support.ts'

const file = join(sharedDirectory(), 'data/seed/policy.yaml')

describe('the seed policy', { skip: existsSync(file) ? false : `no ${file}` }, () => {
  const seed = (): Policy => loadPolicy(readFileSync(file, 'utf8'))
  const decideOn = (tool: string, path: string): PolicyDecision =>
    decide(seed(), callWith({ path }, { tool }), factsOf({ realPath: (at) => ({ type: 'found', path: at }) }))

  it('allows reads within the two directories', () => {
    assert.equal(decideOn('read_file', '/tmp/a.txt').decision, 'allow')
    assert.equal(decideOn('read_file', '/home/user/projects/x/y').decision, 'allow')
  })

  it('denies reads elsewhere, with the rule and the constraint', () => {
    const { decision, rule, reason } = decideOn('read_file', '/tmpfoo/a.txt')
    assert.deepEqual([decision, rule, reason], ['deny', 'rules[0]', 'constraint_path'])
  })

  it('sends writes to a human', () => {
    const decision = decideOn('write_file', '/tmp/a.txt')
    assert.equal(decision.decision, 'escalate')
    assert.equal(decision.text, 'File writes require approval')
    assert.deepEqual(decision.approval, { timeoutMs: 600_000, holdMs: 45_000, mayElicit: false })
  })

  it('denies the shell, and all else by default', () => {
    assert.equal(decideOn('execute_command', 'x').rule, 'rules[2]')
    assert.deepEqual([decideOn('other', 'x').decision, decideOn('other', 'x').reason], ['deny', 'policy_default'])
  })
})
