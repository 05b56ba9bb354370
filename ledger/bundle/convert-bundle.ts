// A bundle's events in the shapes that others read: CSV for spreadsheets, and the audit records of MCP SEP-3004. Neither proves
// anything by itself that the bundle does not prove better. Line by line, in bounded memory.
import { ToolwardenError } from '../../events/errors.ts'
import { auditBodyOf, auditRecordHash } from './audit-record.ts'
import { type BundleTotals, jsonLine, parseLine } from './bundle-format.ts'
import { readBundleLines } from './bundle-lines.ts'

/** What a bundle may be turned into. */
export type ForeignFormat = 'csv' | 'sep-3004'

const COLUMNS = [
  ...['time', 'type', 'writer', 'instance', 'sequence', 'principal', 'session', 'server', 'tool', 'call', 'decision'],
  ...['reason', 'rule', 'text', 'status', 'id'],
]

/** Turns a bundle into text; `onEnd` is told what there was. Throws STORE_UNAVAILABLE where it was cut off. */
export async function* convertBundle(
  bundle: AsyncIterable<Buffer>,
  format: ForeignFormat,
  onEnd: (totals: BundleTotals) => void,
): AsyncGenerator<string> {
  if (format === 'csv') yield `${['hash', ...COLUMNS].join(',')}\r\n`
  let previous: string | null = null
  let isEnded = false
  for await (const batch of readBundleLines(bundle)) {
    if ('problem' in batch) break
    let text = ''
    for (const bytes of batch.lines) {
      const line = parseLine(bytes)
      if (line?.kind === 'end') {
        isEnded = true
        onEnd(line)
      }
      if (line?.kind !== 'event') continue
      const fields = JSON.parse(line.body.toString('utf8')) as { readonly [key: string]: unknown }
      if (format === 'csv') {
        text += `${[line.hash, ...COLUMNS.map((name) => fields[name])].map(csvField).join(',')}\r\n`
        continue
      }
      const body = auditBodyOf(fields, previous)
      if (body === undefined) continue
      previous = auditRecordHash(body)
      // Fields that the contract does not know are not protected: where to find our evidence.
      text += jsonLine({ ...body, event_hash: previous, toolwarden_event: line.hash })
    }
    if (text !== '') yield text
  }
  if (!isEnded)
    throw new ToolwardenError('STORE_UNAVAILABLE', 'the export was cut off', {
      fix: 'look at what `toolwarden up` says, then again',
      retriable: true,
    })
}

/** RFC 4180, and nothing that a spreadsheet takes for a formula (an agent chose the names). */
export function csvField(value: unknown): string {
  const text = typeof value === 'string' || typeof value === 'number' ? String(value) : ''
  const shown = text.replaceAll(/[^\P{Cc}\n]/gu, '\ufffd')
  const safe = /^\s*[=+\-@]/u.test(text) || /^[\t\r\n]/.test(text) ? `'${shown}` : shown
  return /[",\r\n']/.test(safe) ? `"${safe.replaceAll('"', '""')}"` : safe
}
