// When two tool names can be taken for each other: by a model that reads them, or by a person who approves them. Pure.

/** `one_edit`: apart from case, separators and look-alike characters, at most one letter differs. */
export type NameLikeness = 'same_name' | 'one_edit'

/** Below this a letter makes another word: `get` and `set`. Characters, folded. */
const MIN_EDIT_LENGTH = 5

/** A name as it is compared: without case, Unicode variants and separators. */
export function foldName(name: string): string {
  return name
    .normalize('NFKC')
    .toLowerCase()
    .replace(/[\s_.\-/]/g, '')
}

/** How alike two names are, given their folded forms; undefined where nobody would take one for the other. */
export function findLikeness(
  a: { readonly name: string; readonly folded: string },
  b: { readonly name: string; readonly folded: string },
): NameLikeness | undefined {
  if (a.name === b.name) return 'same_name'
  if (a.folded === b.folded) return 'one_edit'
  if (Math.min(a.folded.length, b.folded.length) < MIN_EDIT_LENGTH) return undefined
  return isOneEdit(a.folded, b.folded) ? 'one_edit' : undefined
}

/** One letter more, less or other, or two neighbours exchanged. */
function isOneEdit(a: string, b: string): boolean {
  if (Math.abs(a.length - b.length) > 1) return false
  let start = 0
  while (start < Math.min(a.length, b.length) && a[start] === b[start]) start++
  const [restA, restB] = [a.slice(start), b.slice(start)]
  if (a.length > b.length) return restA.slice(1) === restB
  if (a.length < b.length) return restB.slice(1) === restA
  const isExchanged = restA[0] === restB[1] && restA[1] === restB[0] && restA.slice(2) === restB.slice(2)
  return restA.slice(1) === restB.slice(1) || isExchanged
}
