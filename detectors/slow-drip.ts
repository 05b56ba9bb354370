// D5, the slow drip: a principal that reads something new in nearly every ten minutes, on and on. A cumulated sum (CUSUM)
// over ten-minute windows. Reads come in clumps (Fano factor 6.3), so a window counts once, however many objects it has:
// clumps are the read spike's. What a principal is used to is subtracted. Alerts only. Origins make no difference.
import type { EventOf } from '../events/event.ts'
import { toolClassOf } from '../events/tool-class.ts'
import { type BoundedMap, emptyMap, findValue, putValue } from './bounded-map.ts'
import { withNewest } from './call-book.ts'
import type { Detector, Finding, Observation, ObservedEvent } from './detector.ts'
import type { DetectorSettings } from './settings.ts'

const MAX_PRINCIPALS = 10_000
const WINDOW_MS = 10 * 60 * 1000
const HOUR_MS = 60 * 60 * 1000
/** Objects of a principal that are remembered; one read again after so many others is new again. */
const MAX_SEEN = 256
/** 42 bits tell a few hundred objects apart. */
const SEEN_LENGTH = 7
const MAX_CAUSES = 50
/** Three days of windows: how fast habits are learned. */
const HABIT_WINDOWS = 432
/** What a window may have beyond habit without adding to the sum; twice the usual error of a habit that is just learned. */
const ALLOWANCE = 0.25

interface PrincipalDrip {
  /** The newest objects, cut to SEEN_LENGTH, each followed by a dot: a list of strings would take five times the room. */
  readonly seen: string
  /** Number of the window that is under way, and whether it had a new object. */
  readonly window: number
  readonly isWet: boolean
  /** How many thousandths of the windows have a new object, as learned. */
  readonly habit: number
  /** The cumulated sum, in windows. */
  readonly sum: number
  /** Since when it is above zero, milliseconds. */
  readonly sinceMs: number
  readonly objects: number
  readonly causes: readonly string[]
}

/** What the detector remembers. */
export interface SlowDripState {
  readonly principals: BoundedMap<PrincipalDrip>
}

type Settings = DetectorSettings['slowDrip']

/** The detector of slow drips. */
export function createSlowDrip(settings: Settings): Detector<SlowDripState> {
  return {
    name: 'slow-drip',
    version: 1,
    initialState: { principals: emptyMap() },
    observe: (state, observed, nowMs) => {
      const { event, signals } = observed
      if (event.type !== 'authorization/propose' || (signals?.toolClass ?? toolClassOf(event.tool)) !== 'read')
        return { state, findings: [] }
      return read(state, event, observed, { nowMs, settings })
    },
  }
}

interface Moment {
  readonly nowMs: number
  readonly settings: Settings
}

function read(
  state: SlowDripState,
  event: EventOf<'authorization/propose'>,
  { hash, signals }: ObservedEvent,
  { nowMs, settings }: Moment,
): Observation<SlowDripState> {
  const window = Math.floor(nowMs / WINDOW_MS)
  const known = findValue(state.principals, event.principal)
  const before = known ?? { ...NO_DRIP, window, sinceMs: nowMs }
  const now = closeWindows(before, window, nowMs)
  const objects = signals === undefined || signals.objects.length === 0 ? [event.argumentsDigest] : signals.objects
  const fresh = objects
    .map((object) => `${object.slice(0, SEEN_LENGTH)}.`)
    .filter((object, index, all) => !now.seen.includes(object) && all.indexOf(object) === index)
  if (fresh.length === 0) return { state: put(state, event.principal, now, nowMs), findings: [] }
  const next: PrincipalDrip = {
    ...now,
    seen: (now.seen + fresh.join('')).slice(-MAX_SEEN * (SEEN_LENGTH + 1)),
    isWet: true,
    objects: now.objects + fresh.length,
    causes: now.isWet ? now.causes : withNewest(now.causes, hash, MAX_CAUSES),
  }
  if (next.sum < settings.windows) return { state: put(state, event.principal, next, nowMs), findings: [] }
  const begun = { ...next, sum: 0, objects: 0, causes: [], sinceMs: nowMs }
  return { state: put(state, event.principal, begun, nowMs), findings: [findDrip(event, next, nowMs)] }
}

const NO_DRIP: Omit<PrincipalDrip, 'window' | 'sinceMs'> = {
  seen: '',
  isWet: false,
  habit: 0,
  sum: 0,
  objects: 0,
  causes: [],
}

/** The sum after the windows that ended: the one under way at the last event, and the empty ones since. */
function closeWindows(drip: PrincipalDrip, window: number, nowMs: number): PrincipalDrip {
  // Events of several chains may step back: what is late counts in the window under way.
  if (window <= drip.window) return drip
  const empty = Math.min(window - drip.window - 1, 10 * HABIT_WINDOWS)
  const share = drip.habit / 1000
  const closed = Math.max(0, drip.sum + (drip.isWet ? 1 : 0) - share - ALLOWANCE)
  const sum = Math.max(0, closed - empty * (share + ALLOWANCE))
  const learned = share + ((drip.isWet ? 1 : 0) - share) / HABIT_WINDOWS
  const habit = 1000 * learned * (1 - 1 / HABIT_WINDOWS) ** empty
  const rest = sum > 0 ? {} : { objects: 0, causes: [], sinceMs: nowMs }
  return { ...drip, window, isWet: false, sum, habit, ...rest }
}

function findDrip(
  { principal, session, server, tool }: EventOf<'authorization/propose'>,
  { sinceMs, objects, habit, causes }: PrincipalDrip,
  nowMs: number,
): Finding {
  const hours = Math.max(1, Math.round((nowMs - sinceMs) / HOUR_MS))
  return {
    severity: 'medium',
    score: 500,
    subject: `slow drip of ${principal}`,
    scope: { principal, session, server, tool },
    explanation: `${objects} objects that are new for ${principal} were read in ${hours} hours, hardly ten minutes without one; usually ${Math.round(habit / 10)}% of such windows have one.`,
    causes,
  }
}

function put(state: SlowDripState, principal: string, drip: PrincipalDrip, nowMs: number): SlowDripState {
  return { principals: putValue(state.principals, principal, drip, { nowMs, limit: MAX_PRINCIPALS }) }
}
