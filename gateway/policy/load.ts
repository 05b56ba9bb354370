// Reads a policy file: YAML 1.2 checked against the schema. Every error of the file is told at once, with its place,
// what was expected and the nearest valid key. A file with any error gives no policy at all.

import { createHash } from 'node:crypto'
import { LineCounter, parseDocument } from 'yaml'
import type { CompileOptions } from './compile.ts'
import { compilePolicy } from './compile.ts'
import type { Policy } from './policy.ts'
import type { PolicyProblem, Source } from './problems.ts'
import { describeIssues, listDuplicateIds, problemAt } from './problems.ts'
import { policySchema } from './schema.ts'

/** Largest policy file, in bytes. */
export const MAX_POLICY_BYTES = 1_048_576

/** Most uses of one YAML anchor, those within other anchors multiplied. */
const MAX_ALIASES = 100

/** A policy, or all that is wrong with its file. */
export type ParsedPolicy = { readonly ok: Policy } | { readonly errors: readonly PolicyProblem[] }

/** Where the text comes from, and further argument names that hold paths or hosts. */
export type ParseOptions = Omit<CompileOptions, 'hash'>

/** Parses and compiles the text of a policy file. */
export function parsePolicy(text: string, options: ParseOptions): ParsedPolicy {
  const bytes = Buffer.from(text, 'utf8')
  const whole = { where: options.file, file: options.file, line: 1, column: 1, key: '' }
  if (bytes.length > MAX_POLICY_BYTES)
    return { errors: [{ ...whole, message: `the file is larger than ${MAX_POLICY_BYTES} bytes` }] }
  const lines = new LineCounter()
  try {
    const document = parseDocument(text, { version: '1.2', stringKeys: true, lineCounter: lines, prettyErrors: false })
    const source = { file: options.file, document, lines }
    const syntax = listSyntaxProblems(source)
    if (syntax.length > 0) return { errors: syntax }
    return checkAndCompile(source, { ...options, hash: createHash('sha256').update(bytes).digest('hex') })
  } catch (error) {
    // The parser's own limits (nesting, say) surface as exceptions; to the reader they are one more error of the file.
    return {
      errors: [
        { ...whole, message: `the file can't be read: ${error instanceof Error ? error.message : String(error)}` },
      ],
    }
  }
}

function checkAndCompile(source: Source, options: CompileOptions): ParsedPolicy {
  const value: unknown = source.document.toJS({ maxAliasCount: MAX_ALIASES })
  if (value === null || value === undefined)
    return { errors: [problemAt(source, [], 'the file is empty; expected version, default and rules')] }
  const parsed = policySchema.safeParse(value)
  const errors = [
    ...(parsed.success ? [] : describeIssues(source, parsed.error.issues)),
    ...listDuplicateIds(source, value),
  ]
  if (!parsed.success || errors.length > 0)
    return { errors: errors.sort((a, b) => a.line - b.line || a.column - b.column) }
  return { ok: compilePolicy(parsed.data, options) }
}

/** Errors of YAML itself, and its warnings: an unknown tag is none of ours. */
function listSyntaxProblems({ document, lines, file }: Source): readonly PolicyProblem[] {
  return [...document.errors, ...document.warnings].map((error) => {
    const { line, col } = lines.linePos(error.pos[0])
    return { where: `${file}:${line}:${col}`, file, line, column: col, key: '', message: error.message }
  })
}
