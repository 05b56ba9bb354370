// Reads every recorded session of a directory.
import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { gunzipSync } from 'node:zlib'
import { parseTraces, type TracedSession } from './trace.ts'

const CALLS = /\.calls\.jsonl(\.gz)?$/

/** The sessions of all files `<name>.calls.jsonl[.gz]` with their labels. Throws where there are none. */
export function readSessions(folder: string): readonly TracedSession[] {
  return listCallFiles(folder).flatMap((name) => {
    const labels = name.replace('.calls.', '.labels.')
    return parseTraces(readText(join(folder, name)), readText(join(folder, labels)))
  })
}

/** The names of the files with calls, in order. Throws where there are none. */
export function listCallFiles(folder: string): readonly string[] {
  const names = readdirSync(folder).filter((name) => CALLS.test(name))
  if (names.length === 0) throw new Error(`no *.calls.jsonl or *.calls.jsonl.gz in ${folder}`)
  return names.toSorted()
}

/** The text of a file, unpacked where it is packed. */
export function readText(file: string): string {
  const bytes = readFileSync(file)
  return (file.endsWith('.gz') ? gunzipSync(bytes) : bytes).toString('utf8')
}
