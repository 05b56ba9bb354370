// One change of a text by its span; everything outside stays byte for byte.

/** Puts `text` in the place of what stands from `start` to before `end` (UTF-16 offsets). */
export interface Edit {
  readonly start: number
  readonly end: number
  readonly text: string
}

/** The text after all edits, whose spans do not overlap; two at the same place go in the order given. */
export function applyEdits(text: string, edits: readonly Edit[]): string {
  const parts: string[] = []
  let at = 0
  for (const edit of edits.toSorted((a, b) => a.start - b.start)) {
    parts.push(text.slice(at, edit.start), edit.text)
    at = edit.end
  }
  return [...parts, text.slice(at)].join('')
}
