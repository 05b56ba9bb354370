// New members and items in the layout of what stands around them: on lines of their own where the others are, so that a
// client that rewrites its file leaves them as they were written.
import type { Edit } from './edit.ts'
import type { JsonArray, JsonObject } from './json-text.ts'

/** Raw JSON text of a new item or member. */
type Raw = string

/** Puts items before the first one of an array, which stands as a member of `owner`. */
export function insertItems(text: string, array: JsonArray, { items, owner }: Insertion): Edit {
  const [first] = array.items
  if (first === undefined) {
    const at = array.start + 1
    const { open, between, close } = layoutOf(text, owner)
    const isBare = /^\s*$/.test(text.slice(at, array.end - 1))
    return { start: at, end: isBare ? array.end - 1 : at, text: `${open}${items.join(between)}${close}` }
  }
  const separator = separatorBefore(text, array.start, first.start)
  return { start: first.start, end: first.start, text: items.map((item) => `${item}${separator}`).join('') }
}

/** What goes in, and the object whose layout it takes. */
interface Insertion {
  readonly items: readonly Raw[]
  readonly owner: JsonObject
}

/** A new array as the text of a member's value. */
export function arrayText(text: string, { items, owner }: Insertion): Raw {
  const { open, between, close } = layoutOf(text, owner)
  return `[${open}${items.join(between)}${close}]`
}

/** Puts members before the first one of an object, which stands as a member of `owner`. */
export function insertMembers(text: string, object: JsonObject, { items, owner }: Insertion): Edit {
  const [first] = object.members
  if (first === undefined) {
    const { open, between, close } = layoutOf(text, owner)
    const at = object.start + 1
    const isBare = /^\s*$/.test(text.slice(at, object.end - 1))
    return { start: at, end: isBare ? object.end - 1 : at, text: `${open}${items.join(between)}${close}` }
  }
  const separator = separatorBefore(text, object.start, first.keySpan.start)
  return {
    start: first.keySpan.start,
    end: first.keySpan.start,
    text: items.map((item) => `${item}${separator}`).join(''),
  }
}

/** What stands between two members of an object: a comma, and a new line where they have one. */
export function memberSeparator(text: string, { start, members }: JsonObject): string {
  const [first] = members
  return first === undefined ? ', ' : separatorBefore(text, start, first.keySpan.start)
}

/** A new object as the text of a member's value. */
export function objectText(text: string, { items, owner }: Insertion): Raw {
  const { open, between, close } = layoutOf(text, owner)
  return `{${open}${items.join(between)}${close}}`
}

function separatorBefore(text: string, bracket: number, first: number): string {
  const indent = /(\r\n|\r|\n)([ \t]*)$/.exec(text.slice(bracket + 1, first))
  return indent === null ? ', ' : `,${indent[0]}`
}

/** The blanks of a list one step inside the members of `owner`. */
function layoutOf(text: string, owner: JsonObject): { open: string; between: string; close: string } {
  const separator = memberSeparator(text, owner)
  if (separator === ', ') return { open: '', between: ', ', close: '' }
  const close = separator.slice(1)
  const outer = /[\r\n]([ \t]*)$/.exec(text.slice(owner.start, owner.end - 1))?.[1]
  const indent = close.replace(/^[\r\n]+/, '')
  const step = outer !== undefined && indent.startsWith(outer) ? indent.slice(outer.length) : ''
  const open = `${close}${step === '' ? '  ' : step}`
  return { open, between: `,${open}`, close }
}
