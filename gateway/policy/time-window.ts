// `when`: the hours of the week in which a rule applies, on the clocks of a time zone (IANA), daylight saving included.
// From a later hour to an earlier one passes midnight and belongs to the day on which it began.

/** The days as they are written, Sunday first as in ECMAScript. */
export const DAYS = ['sun', 'mon', 'tue', 'wed', 'thu', 'fri', 'sat'] as const

/** One of DAYS. */
export type Day = (typeof DAYS)[number]

/** `when` of a rule, as written. */
export interface WindowFile {
  readonly days?: readonly Day[] | undefined
  readonly from?: string | undefined
  readonly to?: string | undefined
  readonly timeZone?: string | undefined
}

/** Whether a moment, milliseconds since 1970, lies in the window. */
export type TimeWindow = (nowMs: number) => boolean

/** A day of the week, 0 for Sunday, and minutes since midnight. */
interface LocalTime {
  readonly day: number
  readonly minute: number
}

const MINUTES_PER_DAY = 1_440

/** Minutes since midnight of `08:30` or `24:00`; undefined where it is no time. */
export function parseTimeOfDay(text: string): number | undefined {
  const parts = /^(\d\d):(\d\d)$/.exec(text)
  if (parts === null) return undefined
  const [hours, minutes] = [Number(parts[1]), Number(parts[2])]
  const total = hours * 60 + minutes
  return minutes < 60 && total <= MINUTES_PER_DAY ? total : undefined
}

/** Whether the runtime knows a time zone. */
export function isTimeZone(name: string): boolean {
  try {
    return new Intl.DateTimeFormat('en', { timeZone: name }).resolvedOptions().timeZone !== ''
  } catch (error) {
    if (error instanceof RangeError) return false
    throw error
  }
}

/** Compiles a window. */
export function compileTimeWindow({
  days = DAYS,
  from = '00:00',
  to = '24:00',
  timeZone = 'UTC',
}: WindowFile): TimeWindow {
  const wanted = new Set(days.map((day) => DAYS.indexOf(day)))
  const [start, end] = [parseTimeOfDay(from) ?? 0, parseTimeOfDay(to) ?? MINUTES_PER_DAY]
  const localTime = createClock(timeZone)
  return (nowMs) => {
    const { day, minute } = localTime(nowMs)
    if (start < end) return wanted.has(day) && minute >= start && minute < end
    return (wanted.has(day) && minute >= start) || (wanted.has((day + 6) % 7) && minute < end)
  }
}

function createClock(timeZone: string): (nowMs: number) => LocalTime {
  const format = new Intl.DateTimeFormat('en-US', {
    timeZone,
    weekday: 'short',
    hour: '2-digit',
    minute: '2-digit',
    hourCycle: 'h23',
  })
  // Formatting takes microseconds, and many rules ask within one minute.
  let last: { readonly minuteMs: number; readonly time: LocalTime } | undefined
  return (nowMs) => {
    const minuteMs = Math.floor(nowMs / 60_000)
    if (last?.minuteMs !== minuteMs) last = { minuteMs, time: readParts(format.formatToParts(nowMs)) }
    return last.time
  }
}

function readParts(parts: readonly Intl.DateTimeFormatPart[]): LocalTime {
  const value = (type: Intl.DateTimeFormatPartTypes): string => parts.find((part) => part.type === type)?.value ?? ''
  const day = DAYS.indexOf(value('weekday').toLowerCase() as Day)
  return { day, minute: Number(value('hour')) * 60 + Number(value('minute')) }
}
