// What results of one server held in one session, how lately, and what of it came with words to an agent. Pure.
import { MAX_PREDICATE_VALUES } from '../events/rule.ts'
import { addDistinct, withNewest } from './call-book.ts'

/** Values of one session and server that are remembered; the oldest go first. */
const MAX_VALUES = 1_500
const MAX_ADDRESSED = 300
/** Servers whose results one rule speaks of; a predicate takes ten. */
const MAX_SOURCES = 8

/** What results of one server held that no argument had held before. */
export interface Source {
  readonly server: string
  readonly values: readonly string[]
  /** Those of each of the last results that nobody here had used, by how many calls had run by then. */
  readonly recent: readonly { readonly at: number; readonly values: readonly string[] }[]
  /** Those of results that address an agent. */
  readonly marked: readonly string[]
  /** What such results named where they did so, used before or not. */
  readonly addressed: readonly string[]
}

/** A result that came. */
export interface Arrival {
  readonly values: readonly string[]
  /** Which of them nobody here has used. */
  readonly unused: readonly string[]
  readonly isAddressed: boolean
  /** What it named where it addresses an agent; nothing where it does not. */
  readonly addressed: readonly string[]
  readonly calls: number
  readonly freshCalls: number
}

const NOTHING = { values: [], recent: [], marked: [], addressed: [] }

/** The sources after a result. */
export function addSource(sources: readonly Source[], server: string, arrival: Arrival): readonly Source[] {
  const { values, unused, isAddressed, addressed, calls, freshCalls } = arrival
  if (values.length + addressed.length === 0) return sources
  const before = sources.find((each) => each.server === server) ?? { server, ...NOTHING }
  const source: Source = {
    server,
    values: addDistinct(before.values, values, MAX_VALUES),
    recent: withRecent(before.recent, { at: calls, values: unused }).filter(({ at }) => calls - at < freshCalls),
    marked: isAddressed ? addDistinct(before.marked, unused, MAX_PREDICATE_VALUES) : before.marked,
    addressed: addDistinct(before.addressed, addressed, MAX_ADDRESSED),
  }
  return withNewest(
    sources.filter((each) => each.server !== server),
    source,
    MAX_SOURCES,
  )
}

function withRecent(recent: Source['recent'], result: Source['recent'][number]): Source['recent'] {
  return result.values.length === 0 ? recent : withNewest(recent, result, MAX_RECENT)
}

/** Results of one server that are told apart: several may come while no call has ended between them. */
const MAX_RECENT = 32

/** The values that a result held so lately that an agent may be obeying it. */
export function freshValues({ recent }: Source, calls: number, freshCalls: number): readonly string[] {
  const late = recent.filter(({ at }) => calls - at < freshCalls)
  // The values of one result are distinct.
  if (late.length <= 1) return late[0]?.values ?? []
  return [...new Set(late.flatMap(({ values }) => values))].slice(-MAX_VALUES)
}
