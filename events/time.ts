// Clocks and identifiers that carry time. Everything else is handed a Clock; nothing reads the system's by itself.
import { hash } from 'node:crypto'
import { randomPiece } from './random-piece.ts'

/** The time sources that a shell passes in. */
export interface Clock {
  /** Wall-clock time, microseconds since 1970. */
  nowMicros(): number
  /** Monotonic time of this process, microseconds. */
  monotonicMicros(): number
}

/** How far the fine clock may drift from the system's before it is set anew, microseconds. */
const MAX_DRIFT_MICROS = 5_000

/** The system's clock with microseconds: the monotonic clock, anchored to the wall clock and re-anchored after a jump. */
export function systemClock(): Clock {
  const monotonicMicros = (): number => Math.floor(performance.now() * 1000)
  let anchor = Date.now() * 1000 - monotonicMicros()
  return {
    monotonicMicros,
    nowMicros: () => {
      const wall = Date.now() * 1000
      const fine = anchor + monotonicMicros()
      if (Math.abs(fine - wall) <= MAX_DRIFT_MICROS) return fine
      anchor += wall - fine
      return wall
    },
  }
}

/** `2026-11-22T13:00:00.123456Z` of microseconds since 1970. */
export function formatTime(micros: number): string {
  const second = Math.floor(micros / 1_000_000)
  const day = Math.floor(second / DAY_SECONDS)
  // Events come many a second, and a calendar is slow.
  if (day !== formatted.day) formatted = { day, text: new Date(day * DAY_SECONDS * 1000).toISOString().slice(0, 11) }
  const ofDay = second - day * DAY_SECONDS
  const [hours, minutes] = [Math.floor(ofDay / 3600), Math.floor((ofDay % 3600) / 60)].map(twoDigits)
  return `${formatted.text}${hours}:${minutes}:${twoDigits(ofDay % 60)}.${String(micros - second * 1_000_000).padStart(6, '0')}Z`
}

const DAY_SECONDS = 24 * 60 * 60
/** The day that was written last, to its `T`. */
let formatted = { day: 0, text: '1970-01-01T' }

function twoDigits(value: number): string {
  return value < 10 ? `0${value}` : String(value)
}

/** Microseconds since 1970 of a time in the form of `formatTime`, which the caller has checked. */
export function parseTime(time: string): number {
  return Date.parse(`${time.slice(0, 23)}Z`) * 1000 + Number(time.slice(23, 26))
}

/** Written and read within one call. */
const SCRATCH = Buffer.alloc(16)

/** A UUIDv7 (RFC 9562, section 5.7) of a time and ten random bytes. */
export function uuidv7(micros: number, random: Uint8Array = randomPiece(10)): string {
  const bytes = SCRATCH
  bytes.writeUIntBE(Math.floor(micros / 1000), 0, 6)
  for (let at = 0; at < 10; at++) bytes[6 + at] = random[at] ?? 0
  bytes[6] = ((bytes[6] ?? 0) & 0x0f) | 0x70
  bytes[8] = ((bytes[8] ?? 0) & 0x3f) | 0x80
  const hex = bytes.toString('hex')
  return `${hex.slice(0, 8)}-${hex.slice(8, 12)}-${hex.slice(12, 16)}-${hex.slice(16, 20)}-${hex.slice(20)}`
}

/** The id of something derived from causes: SHA-256 hex of its parts, so that saying it twice says the same. */
export function derivedId(...parts: readonly string[]): string {
  return hash('sha256', JSON.stringify(parts), 'hex')
}
