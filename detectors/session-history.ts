// A principal's history of one figure a session (say, distinct reads): a histogram, from which a quantile is read
// once there is enough of it. Pure.

/** Figures above this share the last place. */
const MAX_FIGURE = 500
const DAY_MS = 24 * 60 * 60 * 1000

/** How often each figure was the figure of a session. */
export interface SessionHistory {
  readonly sessions: number
  /** When the first session began, milliseconds since 1970. */
  readonly sinceMs: number
  /** Index: the figure. */
  readonly counts: readonly number[]
}

/** No session yet. */
export const EMPTY_HISTORY: SessionHistory = { sessions: 0, sinceMs: 0, counts: [] }

/** What a history needs before it is trusted. */
export interface MaturitySettings {
  readonly matureSessions: number
  readonly matureDays: number
}

/** The history with one session more. */
export function addSession(history: SessionHistory, figure: number, startedMs: number): SessionHistory {
  const place = Math.min(figure, MAX_FIGURE)
  const counts = Array.from({ length: Math.max(history.counts.length, place + 1) }, (_, index) => {
    return (history.counts[index] ?? 0) + (index === place ? 1 : 0)
  })
  const sinceMs = history.sessions === 0 ? startedMs : Math.min(history.sinceMs, startedMs)
  return { sessions: history.sessions + 1, sinceMs, counts }
}

/** Whether there is enough history to judge by. */
export function isMature(
  { sessions, sinceMs }: Pick<SessionHistory, 'sessions' | 'sinceMs'>,
  settings: MaturitySettings,
  nowMs: number,
): boolean {
  return sessions >= settings.matureSessions && nowMs - sinceMs >= settings.matureDays * DAY_MS
}

/** The smallest figure that at least `thousandths` of the sessions do not exceed; 0 without sessions. */
export function quantileOf({ sessions, counts }: SessionHistory, thousandths: number): number {
  let below = 0
  for (const [figure, count] of counts.entries()) {
    below += count
    if (below * 1000 >= sessions * thousandths) return figure
  }
  return 0
}
