// Reads a policy file and the files that it extends: YAML 1.2 checked against the schema. Every error of every file is told
// at once, with its place, what was expected and the nearest valid key. With any error there is no policy at all.

import { dirname, relative, resolve } from 'node:path'
import type { CheckedFile, CompileOptions } from './compile.ts'
import { compilePolicy } from './compile.ts'
import { MAX_OBSERVE_MS, type Policy } from './policy.ts'
import { hashPolicyText, joinPolicyTexts } from './policy-text.ts'
import type { PolicyProblem, Source } from './problems.ts'
import { byPlace, describeIssues, listDuplicateIds, problemAt } from './problems.ts'
import type { PolicyFile } from './schema.ts'
import { parseMoment, policySchema } from './schema.ts'
import { readYaml, wholeFile } from './yaml-source.ts'

/** Largest policy, all its files together, in bytes. */
export const MAX_POLICY_BYTES = 1_048_576
/** Most files of one policy. */
export const MAX_POLICY_FILES = 16

/** A file of a policy with its text's places. */
export interface PolicySource {
  readonly source: Source
  readonly content: PolicyFile
}

/** A policy and its files, in the order in which their rules are tried; or all that is wrong, and which were looked at. */
export type ParsedPolicy =
  | { readonly ok: Policy; readonly sources: readonly PolicySource[] }
  | { readonly errors: readonly PolicyProblem[]; readonly files: readonly string[] }

/** Reads the text of an extended file; an error's message says why it can't be read. */
export type ReadText = (path: string) => { readonly text: string } | { readonly problem: string }

/** Where the text comes from, how further files are read, and further argument names that hold paths or hosts. */
export interface ParseOptions extends Omit<CompileOptions, 'hash' | 'text'> {
  /** Without it a file that extends others is refused. */
  readonly read?: ReadText | undefined
  /** Milliseconds since 1970; without it mode observe is refused, since nobody says when it ends. */
  readonly nowMs?: number | undefined
}

/** Parses and compiles the text of a policy file. */
export function parsePolicy(text: string, options: ParseOptions): ParsedPolicy {
  const reading: Reading = { options, top: resolve(options.file), files: [], errors: [], seen: new Map(), bytes: 0 }
  readFile({ path: options.file, text }, [], reading)
  const { files, errors, seen } = reading
  const [top, ...bases] = files
  if (top === undefined || errors.length > 0) return { errors, files: [...seen.values()] }
  const joined = joinPolicyTexts(files)
  const policy = compilePolicy([top, ...bases], { ...options, text: joined, hash: hashPolicyText(joined) })
  return { ok: policy, sources: files }
}

interface Reading {
  readonly options: ParseOptions
  readonly top: string
  /** In the order in which their rules are tried. */
  readonly files: (CheckedFile & PolicySource & { readonly text: string })[]
  readonly errors: PolicyProblem[]
  /** Path as given by absolute path: a file that two others extend is read once, where it comes first. */
  readonly seen: Map<string, string>
  bytes: number
}

interface FileText {
  readonly path: string
  readonly text: string
}

function readFile(file: FileText, chain: readonly string[], reading: Reading): void {
  const absolute = resolve(file.path)
  reading.seen.set(absolute, file.path)
  reading.bytes += Buffer.byteLength(file.text)
  if (reading.bytes > MAX_POLICY_BYTES) {
    reading.errors.push(
      wholeFile(file.path, `the file is larger than ${MAX_POLICY_BYTES} bytes, or all files together are`),
    )
    return
  }
  const ids = new Map<string, string>()
  for (const { content, name } of reading.files)
    for (const [place, { id }] of content.rules.entries())
      if (id !== undefined) ids.set(id, `rules[${place}] of ${name}`)
  const checked = checkFile(file, { isTop: chain.length === 0, ids, nowMs: reading.options.nowMs })
  if ('errors' in checked) reading.errors.push(...checked.errors)
  else {
    const name = relative(dirname(reading.top), absolute)
    reading.files.push({ path: file.path, name, ...checked, text: file.text })
    readBases(checked, [...chain, absolute], reading)
  }
}

/** Depth first: a base's own bases come right after it. */
function readBases({ source, content }: PolicySource, chain: readonly string[], reading: Reading): void {
  for (const [place, base] of (content.extends ?? []).entries()) {
    const path = resolve(dirname(chain.at(-1) ?? ''), base)
    const refuse = (message: string): void => {
      reading.errors.push(problemAt(source, ['extends', place], message))
    }
    if (chain.includes(path)) refuse(`${base} extends this file in turn: a circle has no order`)
    else if (reading.seen.has(path)) continue
    else if (reading.seen.size >= MAX_POLICY_FILES) refuse(`a policy has at most ${MAX_POLICY_FILES} files`)
    else {
      const found = reading.options.read?.(path) ?? { problem: 'only a policy that is read from a file can extend one' }
      if ('problem' in found) {
        reading.seen.set(path, path)
        refuse(`${base} can't be read: ${found.problem}`)
      } else readFile({ path, text: found.text }, chain, reading)
    }
  }
}

interface CheckOptions {
  readonly isTop: boolean
  /** Ids of the files before this one, and where they stand. */
  readonly ids: ReadonlyMap<string, string>
  readonly nowMs: number | undefined
}

function checkFile(
  { path, text }: FileText,
  options: CheckOptions,
): PolicySource | { readonly errors: readonly PolicyProblem[] } {
  const read = readYaml(path, text)
  if ('errors' in read) return read
  const { source, value } = read
  if (value === null || value === undefined)
    return { errors: [problemAt(source, [], 'the file is empty; expected version, default and rules')] }
  const parsed = policySchema.safeParse(value)
  const errors = [
    ...(parsed.success ? listModeProblems(source, parsed.data, options) : describeIssues(source, parsed.error.issues)),
    ...listDuplicateIds(source, value, options.ids),
  ]
  if (!parsed.success || errors.length > 0) return { errors: errors.sort(byPlace) }
  return { source, content: parsed.data }
}

function listModeProblems(
  source: Source,
  { mode, until }: PolicyFile,
  { isTop, nowMs }: CheckOptions,
): readonly PolicyProblem[] {
  if (mode === undefined) return []
  if (!isTop) return [problemAt(source, ['mode'], 'the mode is said by the file that extends this one')]
  if (mode === 'enforce') return []
  if (nowMs === undefined) return [problemAt(source, ['mode'], 'mode observe needs a clock to end')]
  return (parseMoment(until ?? '') ?? Number.POSITIVE_INFINITY) - nowMs > MAX_OBSERVE_MS
    ? [problemAt(source, ['until'], 'expected a date at most 30 days ahead')]
    : []
}
