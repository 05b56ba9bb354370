// Which hosts calls named, and the allowed domains that follow: the hosts themselves, for what one session alone used the
// domain above where others used that.
import { addMark, compareNames, type Entry, type Level, loneSessions, type Marks, mergeMarks } from './marks.ts'

/** Most different hosts that are kept apart. */
const MAX_HOSTS = 5_000
/** Most hosts of one rule. */
const MAX_LISTED_HOSTS = 100

/** The hosts of one rule. */
export class HostEvidence {
  readonly #hosts: Marks = new Map()
  readonly #domains: Marks = new Map()
  #isFull = false

  /** Adds a host in its one form. */
  add(name: string, session: string): void {
    if (!this.#hosts.has(name) && this.#hosts.size >= MAX_HOSTS) {
      this.#isFull = true
      return
    }
    const written = name.includes(':') ? `[${name}]` : name
    addMark(this.#hosts, written, session)
    const domain = domainAbove(name)
    if (domain !== undefined) addMark(this.#domains, domain, session)
  }

  /** Adds what another one holds. */
  merge(other: HostEvidence): void {
    mergeMarks(this.#hosts, other.#hosts)
    mergeMarks(this.#domains, other.#domains)
    this.#isFull ||= other.#isFull || this.#hosts.size > MAX_HOSTS
  }

  /** Allowed domains from tight to loose; the last is no constraint. `always` are sessions that any of them costs. */
  levels(always: ReadonlySet<string>): readonly Level<readonly Entry[]>[] {
    const none = { content: undefined, missed: new Set<string>() }
    if (this.#isFull) return [none]
    const marks = new Map([...this.#hosts, ...[...this.#domains].map(([name, mark]) => [`*.${name}`, mark] as const)])
    const exact = [...this.#hosts.keys()]
    const lifted = exact.map((host) => (this.#hosts.get(host)?.isShared === true ? host : this.#lift(host)))
    const below = new Set(lifted.filter((name) => name.startsWith('*.')).map((name) => name.slice(1)))
    const uncovered = lifted.filter((name) => name.startsWith('*.') || ![...below].some((end) => name.endsWith(end)))
    const written = [exact, uncovered].map((names) => {
      const unique = [...new Set(names)].sort(compareNames)
      const entries = unique.map((text) => ({ text, calls: marks.get(text)?.calls ?? 0 }))
      return { content: entries, missed: loneSessions(unique.flatMap((name) => marks.get(name) ?? [])) }
    })
    return written
      .filter(({ content }) => content.length <= MAX_LISTED_HOSTS)
      .map(({ content, missed }): Level<readonly Entry[]> => ({ content, missed: new Set([...missed, ...always]) }))
      .concat(none)
  }

  #lift(host: string): string {
    const domain = domainAbove(host)
    return domain !== undefined && this.#domains.get(domain)?.isShared === true ? `*.${domain}` : host
  }
}

/** `example.org` of `docs.example.org`; a name of two labels has none that is its own. */
function domainAbove(name: string): string | undefined {
  const labels = name.split('.')
  if (labels.length < 3 || name.includes(':') || /^[\d.]+$/.test(name)) return undefined
  return labels.slice(1).join('.')
}
