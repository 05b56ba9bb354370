// How often something was seen, and whether by more than one session: what one session alone did is no habit, and a policy
// made without that session would deny it.

/** Evidence for one value, host, directory or tool. */
export interface Mark {
  calls: number
  /** The first session that was seen with it. */
  readonly session: string
  /** Whether another session was seen with it too. */
  isShared: boolean
}

/** Marks by name; bounded by whoever adds to it. */
export type Marks = Map<string, Mark>

/** Counts one sight of a name. */
export function addMark(marks: Marks, name: string, session: string): void {
  const mark = marks.get(name)
  if (mark === undefined) {
    marks.set(name, { calls: 1, session, isShared: false })
    return
  }
  mark.calls += 1
  if (mark.session !== session) mark.isShared = true
}

/** Adds the marks of another collection. */
export function mergeMarks(into: Marks, from: Marks): void {
  for (const [name, { calls, session, isShared }] of from) {
    const mark = into.get(name)
    if (mark === undefined) into.set(name, { calls, session, isShared })
    else {
      mark.calls += calls
      mark.isShared ||= isShared || mark.session !== session
    }
  }
}

/** The sessions that alone were seen with something. */
export function loneSessions(marks: Iterable<Mark>): ReadonlySet<string> {
  const lone = new Set<string>()
  for (const { isShared, session } of marks) if (!isShared) lone.add(session)
  return lone
}

/** Names in the order of their code units. */
export function compareNames(a: string, b: string): number {
  return a < b ? -1 : a > b ? 1 : 0
}

/** One way to write a constraint, and the sessions that it costs: those that a policy made from the others would deny. */
export interface Level<Content> {
  /** Undefined for no constraint at all. */
  readonly content: Content | undefined
  readonly missed: ReadonlySet<string>
}

/** One entry of a constraint's list, and how many calls it stands on. */
export interface Entry {
  readonly text: string
  readonly calls: number
}
