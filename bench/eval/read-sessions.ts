// Reads every recorded session of a directory.
import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { gunzipSync } from 'node:zlib'
import { systemCode, ToolwardenError } from '../../events/errors.ts'
import { parseTraces, type TracedSession } from './trace.ts'

const CALLS = /\.calls\.jsonl(\.gz)?$/

/** The sessions of all files `<name>.calls.jsonl[.gz]` with their labels. Throws USAGE where there are none, or bad ones. */
export function readSessions(folder: string): readonly TracedSession[] {
  return listCallFiles(folder).flatMap((name) => {
    const labels = name.replace('.calls.', '.labels.')
    const [called, labelled] = [name, labels].map((each) => join(folder, each)) as [string, string]
    return parseTraces({ path: called, text: readText(called) }, { path: labelled, text: readText(labelled) })
  })
}

/** The names of the files with calls, in order. Throws USAGE where there are none. */
export function listCallFiles(folder: string): readonly string[] {
  const names = orUsage(folder, () => readdirSync(folder)).filter((name) => CALLS.test(name))
  if (names.length === 0) throw new ToolwardenError('USAGE', 'no *.calls.jsonl or *.calls.jsonl.gz', { where: folder })
  return names.toSorted()
}

/** The text of a file, unpacked where it is packed. */
export function readText(file: string): string {
  const bytes = orUsage(file, () => readFileSync(file))
  return (file.endsWith('.gz') ? gunzipSync(bytes) : bytes).toString('utf8')
}

function orUsage<Read>(path: string, read: () => Read): Read {
  try {
    return read()
  } catch (error) {
    const code = systemCode(error)
    if (code === undefined) throw error
    throw new ToolwardenError('USAGE', `it can't be read (${code})`, { where: path })
  }
}
