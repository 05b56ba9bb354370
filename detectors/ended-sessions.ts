// Which of a principal's sessions have ended: nobody says so, hence after half an hour of quiet. Pure.
import { type BoundedMap, dropValue, findValue } from './bounded-map.ts'

/** A session that was quiet for this long has ended. */
const SESSION_QUIET_MS = 30 * 60 * 1000
const MAX_SESSIONS_PER_PRINCIPAL = 64

/** What became of a principal's sessions. */
export interface Ended<Session> {
  readonly ended: readonly Session[]
  /** Keys of those that have not ended, the new one last. */
  readonly live: readonly string[]
  readonly sessions: BoundedMap<Session>
}

/** Takes the ended ones out, as a new session begins. */
export function takeEnded<Session extends { readonly lastMs: number }>(
  sessions: BoundedMap<Session>,
  live: readonly string[],
  { begun, nowMs }: { readonly begun: string; readonly nowMs: number },
): Ended<Session> {
  const known = live.map((key) => ({ key, session: findValue(sessions, key) }))
  const isOver = (session: Session | undefined): boolean => {
    return session === undefined || nowMs - session.lastMs >= SESSION_QUIET_MS
  }
  const over = known.filter(({ session }) => isOver(session))
  return {
    ended: over.flatMap(({ session }) => session ?? []),
    live: [...known.filter(({ session }) => !isOver(session)).map(({ key }) => key), begun].slice(
      -MAX_SESSIONS_PER_PRINCIPAL,
    ),
    sessions: over.reduce((map, { key }) => dropValue(map, key), sessions),
  }
}
