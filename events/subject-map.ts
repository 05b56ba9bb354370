// The subjects of `control`: a map that is never changed but replaced, at each record that comes. What came last stands apart, so
// that a record costs a copy of those few, and only now and then one of all; who sorts them may do the same.
import type { LiveSubject } from './control-view.ts'

/** How many subjects stand apart; then they join the others. */
const MAX_NEWEST = 128

type Subjects = ReadonlyMap<string, LiveSubject>

/** Subjects by their names: those that came last, and the others as far as nothing came after them. */
export class SubjectMap implements Subjects {
  /** What came before; the same map for as long as it stands. */
  readonly others: Subjects
  /** What came last, in that order. */
  readonly newest: Subjects
  readonly size: number

  private constructor(others: Subjects, newest: Subjects) {
    this.others = others
    this.newest = newest
    let replaced = 0
    for (const key of newest.keys()) if (others.has(key)) replaced++
    this.size = others.size + newest.size - replaced
  }

  /** Any map as one of these. */
  static of(subjects: Subjects): SubjectMap {
    return subjects instanceof SubjectMap ? subjects : new SubjectMap(subjects, new Map())
  }

  /** The map with a subject as the last that came. */
  with(live: LiveSubject): SubjectMap {
    if (this.newest.size >= MAX_NEWEST) return new SubjectMap(new Map(this), new Map([[live.subject, live]]))
    const newest = new Map(this.newest)
    newest.delete(live.subject)
    return new SubjectMap(this.others, newest.set(live.subject, live))
  }

  get(subject: string): LiveSubject | undefined {
    return this.newest.get(subject) ?? this.others.get(subject)
  }

  has(subject: string): boolean {
    return this.newest.has(subject) || this.others.has(subject)
  }

  *entries(): MapIterator<[string, LiveSubject]> {
    for (const entry of this.others) if (!this.newest.has(entry[0])) yield entry
    yield* this.newest
  }

  *keys(): MapIterator<string> {
    for (const [key] of this.entries()) yield key
  }

  *values(): MapIterator<LiveSubject> {
    for (const [, live] of this.entries()) yield live
  }

  [Symbol.iterator](): MapIterator<[string, LiveSubject]> {
    return this.entries()
  }

  forEach(callback: (live: LiveSubject, subject: string, map: Subjects) => void): void {
    for (const [subject, live] of this.entries()) callback(live, subject, this)
  }
}
