// Takes the gateways out of a file that was changed since it was wrapped: each wrapped entry that still says what it said
// then gets its first text back, and everything else stays byte for byte. Pure.
import { applyEdits } from './edit.ts'
import { withoutLayout } from './json-look.ts'
import { parseJsonText } from './json-text.ts'
import { findServerEntries, isCovered } from './server-entries.ts'
import type { WrapRecord } from './wrap-record.ts'

/** The restored text; or the entries that were edited since, for a person to decide. */
export type UnwrapPlan =
  | { readonly type: 'restored'; readonly text: string; readonly servers: readonly (readonly string[])[] }
  | { readonly type: 'edited'; readonly servers: readonly (readonly string[])[] }

/** Plans the restoration. An entry that is gone, or has lost its gateway by hand, stays so. Throws CONFIG_INVALID. */
export function unwrapConfig(text: string, where: string, { entries }: WrapRecord): UnwrapPlan {
  const found = findServerEntries(parseJsonText(text, where)).flat()
  const known = entries.flatMap((entry) => {
    const now = found.find(({ path }) => JSON.stringify(path) === JSON.stringify(entry.path))
    return now === undefined || !isCovered(now.node) ? [] : [{ ...entry, now: now.node }]
  })
  // A client that writes its file anew changes the layout, not what an entry says.
  const isSame = ({ wrapped, now }: (typeof known)[number]): boolean =>
    withoutLayout(wrapped, parseJsonText(wrapped, where)) === withoutLayout(text, now)
  const edited = known.filter((entry) => !isSame(entry))
  if (edited.length > 0) return { type: 'edited', servers: edited.map(({ path }) => path) }
  const edits = known.map(({ now, original }) => ({ start: now.start, end: now.end, text: original }))
  return { type: 'restored', text: applyEdits(text, edits), servers: known.map(({ path }) => path) }
}
