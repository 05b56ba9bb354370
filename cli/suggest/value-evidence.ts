// The values that one argument had, and the schema that follows: the list of them, for numbers the largest, or nothing.
// Only short values under names that do not speak of secrets are kept: a policy is a file that people pass around.
import { findSecrets } from '../../events/redact.ts'
import { addMark, compareNames, type Level, loneSessions, type Marks } from './marks.ts'

/** Most different values that a policy lists for one argument. */
const MAX_LISTED_VALUES = 40
/** Longest value listed, in characters. */
const MAX_VALUE_CHARACTERS = 64
/** Most entries of a list that are looked at. */
const MAX_ITEMS = 100

/** Last words of names whose values never go into a policy. */
const secretName =
  /(?:pass(?:word|wd|phrase|code)?|secret|token|key|otp|pin|code|credential|credentials|auth|authorization|cookie|signature|salt|seed|ssn|cvv)s?\d*$/i

/** JSON Schema, as far as it is written here. */
export type ValueSchema = Readonly<Record<string, unknown>>

/** The values of one argument of one rule. */
export class ValueEvidence {
  readonly #scalars: Marks = new Map()
  readonly #items: Marks = new Map()
  #isOpen: boolean
  #hasLists = false
  #areNumbers = true
  #maximum = Number.NEGATIVE_INFINITY
  #maximumSession: string | undefined

  constructor(name: string) {
    this.#isOpen = secretName.test(name)
  }

  /** Adds the value of one call. */
  add(value: unknown, session: string): void {
    if (typeof value !== 'number' || !Number.isFinite(value)) this.#areNumbers = false
    else this.#addNumber(value, session)
    if (this.#isOpen) return
    if (Array.isArray(value)) {
      this.#hasLists = true
      if (value.length > MAX_ITEMS) this.#isOpen = true
      else for (const item of value) this.#addTo(this.#items, item, session)
    } else this.#addTo(this.#scalars, value, session)
  }

  /** Schemas from tight to loose; the last is none. */
  levels(): readonly Level<ValueSchema>[] {
    const none: Level<ValueSchema> = { content: undefined, missed: new Set() }
    const largest: Level<ValueSchema>[] = this.#areNumbers
      ? [
          {
            content: { maximum: this.#maximum },
            missed: new Set(this.#maximumSession === undefined ? [] : [this.#maximumSession]),
          },
        ]
      : []
    if (this.#isOpen) return [...largest, none]
    const missed = loneSessions([...this.#scalars.values(), ...this.#items.values()])
    return [{ content: this.#schema(), missed }, ...largest, none]
  }

  #schema(): ValueSchema {
    const scalars = { enum: listValues(this.#scalars) }
    if (!this.#hasLists) return scalars
    const lists = { type: 'array', items: { enum: listValues(this.#items) } }
    const list = this.#items.size === 0 ? { type: 'array', maxItems: 0 } : lists
    return this.#scalars.size === 0 ? list : { anyOf: [scalars, list] }
  }

  #addTo(marks: Marks, value: unknown, session: string): void {
    const text = typeof value === 'object' && value !== null ? undefined : JSON.stringify(value)
    const isNew = text !== undefined && !marks.has(text)
    if (text === undefined || (isNew && (marks.size >= MAX_LISTED_VALUES || !mayBeListed(text)))) {
      this.#isOpen = true
      marks.clear()
    } else addMark(marks, text, session)
  }

  #addNumber(value: number, session: string): void {
    if (value < this.#maximum) return
    this.#maximumSession = value > this.#maximum || this.#maximumSession === session ? session : undefined
    this.#maximum = value
  }
}

function mayBeListed(text: string): boolean {
  return text.length <= MAX_VALUE_CHARACTERS && findSecrets(text).length === 0
}

function listValues(marks: Marks): readonly unknown[] {
  return [...marks.keys()].sort(compareNames).map((text) => JSON.parse(text) as unknown)
}
