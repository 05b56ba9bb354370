// The times `--from` and `--to` of commands that read history.
import { ToolwardenError } from '../events/errors.ts'

/** Milliseconds since 1970, `fromMs` inclusive, `toMs` exclusive; undefined for no end. */
export interface TimeSpan {
  readonly fromMs: number | undefined
  readonly toMs: number | undefined
}

/** Reads both. Throws USAGE. */
export function readRange({ from, to }: { readonly from?: string; readonly to?: string }): TimeSpan {
  const range = { fromMs: readTime('--from', from), toMs: readTime('--to', to) }
  if (range.fromMs !== undefined && range.toMs !== undefined && range.fromMs >= range.toMs)
    throw new ToolwardenError('USAGE', '--from is not before --to', { fix: 'exchange them, or leave one out' })
  return range
}

function readTime(flag: string, text: string | undefined): number | undefined {
  if (text === undefined) return undefined
  const timeMs = /^\d{4}-\d\d-\d\d(?:T\d\d:\d\d(?::\d\d(?:\.\d+)?)?(?:Z|[+-]\d\d:\d\d))?$/.test(text)
    ? Date.parse(text)
    : Number.NaN
  if (!Number.isNaN(timeMs)) return timeMs
  throw new ToolwardenError('USAGE', `not a time: ${JSON.stringify(text)}`, {
    where: flag,
    fix: `${flag} 2026-11-22 or ${flag} 2026-11-22T13:00:00Z`,
  })
}
