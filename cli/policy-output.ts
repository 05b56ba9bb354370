// A policy that a command wrote: checked as gateways check it, then put where it was asked for, and never over a file that
// is there unless that was said.
import { writeFileSync } from 'node:fs'
import { join, resolve } from 'node:path'
import { systemCode, ToolwardenError } from '../events/errors.ts'
import { parsePolicy } from '../gateway/policy/load.ts'
import { createPolicyError } from '../gateway/policy/problems.ts'

/** Where a policy goes. */
export interface OutputFlags {
  /** A file; `-` for standard output. */
  readonly output?: string
  readonly force?: boolean
}

/** The comment by which editors find the schema that `toolwarden init` keeps in the data directory. */
export function schemaComment(data: string): string {
  return `# yaml-language-server: $schema=${join(data, 'policy.schema.json')}`
}

/** Writes the text; returns the file, or undefined for standard output. Throws USAGE where the file is there. */
export function writePolicy(text: string, fallback: string, { output, force }: OutputFlags): string | undefined {
  const parsed = parsePolicy(text, { file: output ?? fallback, nowMs: Date.now() })
  if ('errors' in parsed)
    throw createPolicyError(parsed.errors, { name: 'written policy', fix: 'report it, with what it was written from' })
  if (output === '-') {
    process.stdout.write(text)
    return undefined
  }
  const file = resolve(output ?? fallback)
  try {
    writeFileSync(file, text, { mode: 0o600, flag: force === true ? 'w' : 'wx' })
    return file
  } catch (cause) {
    const code = systemCode(cause)
    if (code === 'EEXIST')
      throw new ToolwardenError('USAGE', 'the file is there', {
        where: file,
        fix: '--force replaces it, --output names another',
      })
    throw new ToolwardenError('USAGE', `the policy cannot be written (${code ?? 'unknown reason'})`, {
      where: file,
      fix: '--output <file>, in a directory that you may write to',
      cause,
    })
  }
}
