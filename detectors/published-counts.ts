// What a run of the detectors published, by detector: figures for whoever watches it. Bounded by the number of detectors.
import type { Rule } from '../events/rule.ts'
import type { Issue } from './adapt.ts'
import type { Severity } from './detector.ts'

/** So many alerts of a severity, or rules of an action, of one detector. */
export type PublishedCount = { readonly detector: string; count: number } & (
  | { readonly type: 'alert'; readonly severity: Severity }
  | { readonly type: 'rule'; readonly action: Rule['action'] }
)

/** Counts what is published. */
export class PublishedCounts {
  readonly #counts = new Map<string, PublishedCount>()

  /** An issue is in the log. */
  note({ detector, alert, rule }: Issue): void {
    if (alert !== undefined) this.#add({ detector, type: 'alert', severity: alert.severity, count: 0 }, alert.severity)
    if (rule !== undefined) this.#add({ detector, type: 'rule', action: rule.action, count: 0 }, rule.action)
  }

  /** What was counted, in the order of its first occurrence. */
  list(): readonly Readonly<PublishedCount>[] {
    return [...this.#counts.values()]
  }

  #add(first: PublishedCount, kind: string): void {
    const key = `${first.detector} ${kind}`
    const known = this.#counts.get(key) ?? first
    known.count++
    this.#counts.set(key, known)
  }
}
