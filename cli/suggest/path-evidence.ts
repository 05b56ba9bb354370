// Where paths led, as a tree of directories, and the allowed paths that follow from it: the places themselves, directories
// in place of several of their entries, and in place of what one session alone used the nearest directory that others used.
import {
  addMark,
  compareNames,
  type Entry,
  type Level,
  loneSessions,
  type Mark,
  type Marks,
  mergeMarks,
} from './marks.ts'

/** Most different places that are kept apart; what lies deeper in further ones counts for the directory above. */
const MAX_PLACES = 20_000
/** Deepest directory kept apart. */
const MAX_DEPTH = 16
/** So many entries of one directory become the directory. */
const COLLAPSED_ENTRIES = 3
/** Most paths of one rule. */
const MAX_LISTED_PATHS = 50

/** The paths of one rule. */
export class PathEvidence {
  /** Every place and all directories above it. */
  readonly #marks: Marks = new Map()
  /** Places that were named, not only passed. */
  readonly #named = new Set<string>()

  /** Adds an absolute, normalised path. */
  add(path: string, session: string): void {
    const ancestors = listAncestors(path).slice(0, MAX_DEPTH)
    const kept = ancestors.findLastIndex((place) => this.#marks.has(place) || this.#marks.size < MAX_PLACES)
    const places = ancestors.slice(0, Math.max(kept, 0) + 1)
    for (const place of places) addMark(this.#marks, place, session)
    this.#named.add(places.at(-1) ?? '/')
  }

  /** Adds what another one holds. */
  merge(other: PathEvidence): void {
    mergeMarks(this.#marks, other.#marks)
    for (const place of other.#named) this.#named.add(place)
  }

  /** Allowed paths from tight to loose; the last is no constraint. `always` are sessions that any of them costs. */
  levels(always: ReadonlySet<string>): readonly Level<readonly Entry[]>[] {
    const exact = this.#cover(this.#named)
    const lifted = this.#cover(new Set<string>([...this.#named].map((place) => this.#lift(place))))
    return [exact, lifted]
      .filter((places) => places.size <= MAX_LISTED_PATHS && !places.has('/'))
      .map(
        (places): Level<readonly Entry[]> => ({
          content: this.#entries(places),
          missed: new Set([...always, ...loneSessions(this.#marksOf(places))]),
        }),
      )
      .concat({ content: undefined, missed: new Set<string>() })
  }

  /** The nearest directory that more than one session used, but never the root. */
  #lift(place: string): string {
    const above = listAncestors(place).slice(1)
    return above.findLast((each) => this.#marks.get(each)?.isShared === true) ?? above[0] ?? place
  }

  /** Directories in place of many entries, and nothing twice; a directory at the top stands for no others. */
  #cover(places: ReadonlySet<string>): ReadonlySet<string> {
    let kept = withoutCovered(places)
    for (;;) {
      const entries = new Map<string, number>()
      for (const place of kept) {
        const parent = parentOf(place)
        if (parent !== '/') entries.set(parent, (entries.get(parent) ?? 0) + 1)
      }
      const full = [...entries].filter(([, count]) => count >= COLLAPSED_ENTRIES).map(([parent]) => parent)
      if (full.length === 0) return kept
      kept = withoutCovered(new Set([...kept, ...full]))
    }
  }

  #entries(places: ReadonlySet<string>): readonly Entry[] {
    return [...places].sort(compareNames).map((text) => ({ text, calls: this.#marks.get(text)?.calls ?? 0 }))
  }

  #marksOf(places: ReadonlySet<string>): readonly Mark[] {
    return [...places].flatMap((place) => this.#marks.get(place) ?? [])
  }
}

/** The path and all directories above it, from the root down. */
function listAncestors(path: string): readonly string[] {
  const segments = path.split('/').filter((segment) => segment !== '')
  return ['/', ...segments.map((_, place) => `/${segments.slice(0, place + 1).join('/')}`)]
}

function parentOf(path: string): string {
  return path.slice(0, Math.max(1, path.lastIndexOf('/')))
}

function withoutCovered(places: ReadonlySet<string>): ReadonlySet<string> {
  return new Set(
    [...places].filter(
      (place) =>
        !listAncestors(place)
          .slice(0, -1)
          .some((above) => places.has(above)),
    ),
  )
}
