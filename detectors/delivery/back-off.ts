// When a notice that failed is tried again: after seconds first, after hours in the end, never all at the same moment. Pure.

/** Seconds after the first, second … failure; the last for all further ones. */
const DELAYS_SECONDS = [5, 30, 120, 600, 1_800, 3_600, 7_200, 14_400] as const
/** How far a delay is moved, so that many that failed together do not come again together. */
const JITTER = 0.2

/** Milliseconds until the next attempt; `random` is in [0, 1). A destination may ask for longer, never for shorter. */
export function delayAfter(failures: number, random: number, retryAfterMs = 0): number {
  const seconds = DELAYS_SECONDS[Math.min(failures, DELAYS_SECONDS.length) - 1] ?? DELAYS_SECONDS[0]
  return Math.max(retryAfterMs, Math.round(seconds * 1000 * (1 + JITTER * (2 * random - 1))))
}
