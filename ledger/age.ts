// Ages and times on the command line: how old something may be.
import { ToolwardenError } from '../events/errors.ts'

const SECONDS: Readonly<Record<string, number>> = { s: 1, m: 60, h: 3_600, d: 86_400 }

/** Seconds of an age (`90s`, `7d`), or since a time. Throws USAGE naming the option. */
export function parseAge(text: string, nowSeconds: number, option: string): number {
  const span = parseSpan(text)
  if (span !== undefined) return span
  const time = /^\d{4}-\d\d-\d\d/.test(text) ? Date.parse(text) : Number.NaN
  if (!Number.isNaN(time)) return nowSeconds - Math.floor(time / 1_000)
  throw new ToolwardenError('USAGE', 'expected an age or a time', {
    where: option,
    fix: `${option} 15m, or 2026-11-22T13:00:00Z`,
  })
}

/** Seconds of `90s`, `15m`, `2h` or `7d`; undefined where it is none of them. */
export function parseSpan(text: string): number | undefined {
  const [, count, unit = ''] = /^(\d{1,9})([smhd])$/.exec(text) ?? []
  return count === undefined ? undefined : Number(count) * (SECONDS[unit] ?? 1)
}
