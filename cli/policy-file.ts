// Reads a policy for the commands that work with one: the file that is named, else that of the data directory; whole, with
// all that it extends, or with every error of it.
import { join, resolve } from 'node:path'
import { systemCode, ToolwardenError } from '../events/errors.ts'
import { type ParsedPolicy, parsePolicy } from '../gateway/policy/load.ts'
import type { Policy } from '../gateway/policy/policy.ts'
import { createPolicyError } from '../gateway/policy/problems.ts'
import { loadConfig } from './config.ts'
import { readPolicyText } from './policy-files.ts'

/** A policy that loaded, and its files with their places. */
export type LoadedPolicy = Extract<ParsedPolicy, { readonly ok: unknown }>

/** The file of a policy: the one named, else `policy.yaml` of the data directory. Throws CONFIG_INVALID. */
export async function findPolicyFile(named: string | undefined, config: string | undefined): Promise<string> {
  return named ?? join((await loadConfig(process.env, config)).data, 'policy.yaml')
}

/** Parses a policy file as gateways do. Throws POLICY_INVALID where it can't be read at all. */
export function parsePolicyFile(file: string, nowMs: number): ParsedPolicy {
  const top = readPolicyText(resolve(file))
  if ('problem' in top)
    throw new ToolwardenError('POLICY_INVALID', `the policy cannot be read (${top.problem})`, {
      where: file,
      fix: 'name a policy file: toolwarden policy lint <file>',
    })
  return parsePolicy(top.text, { file, read: readPolicyText, nowMs })
}

/** Loads a policy file, with the places in its files. Throws POLICY_INVALID with every error of it. */
export function loadPolicy(file: string, nowMs: number): LoadedPolicy {
  const parsed = parsePolicyFile(file, nowMs)
  if ('errors' in parsed) throw createPolicyError(parsed.errors)
  return parsed
}

/** A JSON text from the command line. Throws USAGE naming the option. */
export function parseJsonOption(text: string, option: string): unknown {
  try {
    return JSON.parse(text) as unknown
  } catch (cause) {
    const why = cause instanceof Error ? cause.message : systemCode(cause)
    throw new ToolwardenError('USAGE', `the text is no JSON: ${why ?? 'refused'}`, { where: option, cause })
  }
}

/** Loads a policy file as gateways do. Throws POLICY_INVALID with every error of it. */
export function loadPolicyFile(file: string, nowMs: number): Policy {
  return loadPolicy(file, nowMs).ok
}
