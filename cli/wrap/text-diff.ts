// The diff of a text and its edits in the unified format, for a person; values that were named as secret are not shown.
import { applyEdits, type Edit } from './edit.ts'

const CONTEXT_LINES = 2
const HIDDEN = '"…"'

/** What is compared. */
export interface DiffOptions {
  readonly path: string
  readonly secrets: readonly string[]
}

/** Old lines with `-`, new ones with `+`; empty where nothing is edited. */
export function diffEdits(text: string, edits: readonly Edit[], { path, secrets }: DiffOptions): string {
  if (edits.length === 0) return ''
  const lines = splitLines(text)
  const hunks: string[] = [`--- ${path}`, `+++ ${path} (wrapped)`]
  let shift = 0
  for (const { first, last, changes } of groupByLines(lines, edits)) {
    const from = Math.max(0, first - CONTEXT_LINES)
    const to = Math.min(lines.length - 1, last + CONTEXT_LINES)
    const before = lines.slice(first, last + 1)
    const offset = before[0]?.start ?? 0
    const old = before.map((line) => line.text).join('')
    const local = changes.map((edit) => ({ ...edit, start: edit.start - offset, end: edit.end - offset }))
    const after = splitLines(applyEdits(old, local))
    const size = to - from + 1
    const newSize = size - before.length + after.length
    hunks.push(
      `@@ -${from + 1},${size} +${from + 1 + shift},${newSize} @@`,
      ...lines.slice(from, first).map((line) => ` ${shown(line.text)}`),
      ...before.map((line) => `-${shown(line.text)}`),
      ...after.map((line) => `+${shown(line.text)}`),
      ...lines.slice(last + 1, to + 1).map((line) => ` ${shown(line.text)}`),
    )
    shift += after.length - before.length
  }
  return hide(`${hunks.join('\n')}\n`, secrets)
}

interface Line {
  readonly start: number
  readonly text: string
}
interface Group {
  readonly first: number
  readonly last: number
  readonly changes: readonly Edit[]
}

function splitLines(text: string): readonly Line[] {
  const lines: Line[] = []
  for (const match of text.matchAll(/[^\r\n]*(?:\r\n|\r|\n)|[^\r\n]+$/g))
    lines.push({ start: match.index, text: match[0] })
  return lines
}

/** Edits whose context would overlap belong into one hunk. */
function groupByLines(lines: readonly Line[], edits: readonly Edit[]): readonly Group[] {
  const groups: Group[] = []
  for (const edit of edits.toSorted((a, b) => a.start - b.start)) {
    const first = lines.findLastIndex(({ start }) => start <= edit.start)
    const last = lines.findLastIndex(({ start }) => start < Math.max(edit.end, edit.start + 1))
    const before = groups.at(-1)
    if (before === undefined || first > before.last + 2 * CONTEXT_LINES) groups.push({ first, last, changes: [edit] })
    else
      groups[groups.length - 1] = {
        first: before.first,
        last: Math.max(before.last, last),
        changes: [...before.changes, edit],
      }
  }
  return groups
}

function shown(line: string): string {
  return line.replace(/[\r\n]+$/, '')
}

function hide(text: string, secrets: readonly string[]): string {
  return secrets.filter((secret) => secret !== '""').reduce((shown, secret) => shown.replaceAll(secret, HIDDEN), text)
}
