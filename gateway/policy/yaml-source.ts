// Reads a YAML 1.2 file so that every place in it can be named: the value, and the document that knows lines and columns.

import { LineCounter, parseDocument } from 'yaml'
import type { PolicyProblem, Source } from './problems.ts'

/** Most uses of one YAML anchor, those within other anchors multiplied. */
const MAX_ALIASES = 100

/** A file's value and where its parts stand; or what is wrong with it as YAML. */
export type ReadYaml =
  | { readonly source: Source; readonly value: unknown }
  | { readonly errors: readonly PolicyProblem[] }

/** Reads the text of a YAML file; never throws. */
export function readYaml(file: string, text: string): ReadYaml {
  const lines = new LineCounter()
  try {
    const document = parseDocument(text, { version: '1.2', stringKeys: true, lineCounter: lines, prettyErrors: false })
    const source = { file, document, lines }
    const errors = listSyntaxProblems(source)
    return errors.length > 0 ? { errors } : { source, value: document.toJS({ maxAliasCount: MAX_ALIASES }) as unknown }
  } catch (error) {
    // The parser's own limits (nesting, aliases) surface as exceptions; to the reader they are one more error of the file.
    const why = error instanceof Error ? error.message : String(error)
    return { errors: [wholeFile(file, `the file can't be read: ${why}`)] }
  }
}

/** A problem of a file as a whole. */
export function wholeFile(file: string, message: string): PolicyProblem {
  return { where: file, file, line: 1, column: 1, key: '', message }
}

/** Errors of YAML itself, and its warnings: an unknown tag is none of ours. */
function listSyntaxProblems({ document, lines, file }: Source): readonly PolicyProblem[] {
  return [...document.errors, ...document.warnings].map((error) => {
    const { line, col } = lines.linePos(error.pos[0])
    return { where: `${file}:${line}:${col}`, file, line, column: col, key: '', message: error.message }
  })
}
