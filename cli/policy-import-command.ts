// `toolwarden policy import`: a policy in another published form, written in this language; what could not be carried over is
// said in the file and on stderr.
import { readFileSync, statSync } from 'node:fs'
import { basename } from 'node:path'
import { systemCode, ToolwardenError } from '../events/errors.ts'
import { visible } from '../events/visible.ts'
import { type ImportedPolicy, importAuthensor } from '../gateway/policy/import/import-authensor.ts'
import { writeImported } from '../gateway/policy/import/write-imported.ts'
import { MAX_POLICY_BYTES } from '../gateway/policy/load.ts'
import { loadConfig } from './config.ts'
import { type OutputFlags, schemaComment, writePolicy } from './policy-output.ts'

/** Options as commander gives them. */
export interface ImportFlags extends OutputFlags {
  readonly config?: string
  readonly json?: boolean
}

const FIX = 'toolwarden policy import <file.json>: a policy of Authensor, with id, rules, effect and condition'

/** Imports one file. Throws USAGE where it is no such policy, and where the result would replace a file. */
export async function runPolicyImport(file: string, flags: ImportFlags): Promise<void> {
  const imported = importAuthensor(readJson(file))
  if (typeof imported === 'string')
    throw new ToolwardenError('USAGE', `the file is no policy of this form: ${imported}`, { where: file, fix: FIX })
  const { data } = await loadConfig(process.env, flags.config)
  const text = writeImported(imported, schemaComment(data))
  const written = writePolicy(text, `${basename(file).replace(/\.json$/, '')}.policy.yaml`, flags)
  const notes = listNotes(imported)
  for (const note of notes) process.stderr.write(`toolwarden: ${visible(note)}\n`)
  if (written === undefined) return
  const { rules } = imported
  if (flags.json === true) process.stdout.write(`${JSON.stringify({ file: written, rules: rules.length, notes })}\n`)
  else
    process.stdout.write(
      `${written}: ${rules.length} rules, ${notes.length} notes\nnext: toolwarden policy lint ${written}\n`,
    )
}

function listNotes({ notes, rules }: ImportedPolicy): readonly string[] {
  return [
    ...notes,
    ...rules.flatMap(({ rule, notes: own }) => own.map((note) => `${String(rule.id ?? rule.tool)}: ${note}`)),
  ]
}

function readJson(file: string): unknown {
  try {
    if (statSync(file).size > MAX_POLICY_BYTES) throw new RangeError(`larger than ${MAX_POLICY_BYTES} bytes`)
    return JSON.parse(readFileSync(file, 'utf8')) as unknown
  } catch (cause) {
    const why = systemCode(cause) ?? (cause instanceof Error ? cause.message : 'unknown reason')
    throw new ToolwardenError('USAGE', `the file cannot be read: ${why}`, { where: file, fix: FIX, cause })
  }
}
