// A policy file for commands that try it out: loaded once, nothing kept, nothing watched.
import { resolve } from 'node:path'
import { ToolwardenError } from '../events/errors.ts'
import { parsePolicy } from '../gateway/policy/load.ts'
import type { Policy } from '../gateway/policy/policy.ts'
import { createPolicyError } from '../gateway/policy/problems.ts'
import { readPolicyText } from './policy-files.ts'

/** Loads a policy with the files that it extends. Throws POLICY_INVALID with every error of every file. */
export function loadPolicyFile(file: string, nowMs: number): Policy {
  const path = resolve(file)
  const top = readPolicyText(path)
  if ('problem' in top)
    throw new ToolwardenError('POLICY_INVALID', `the policy cannot be read (${top.problem})`, { where: path })
  const parsed = parsePolicy(top.text, { file: path, read: readPolicyText, nowMs })
  if ('errors' in parsed) throw createPolicyError(parsed.errors)
  return parsed.ok
}
