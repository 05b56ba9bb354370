// `toolwarden export`: a bundle of evidence in one file, that `toolwarden verify <file>` or verify.mjs checks elsewhere.
import { createReadStream } from 'node:fs'
import { mkdir, open, readFile, rename, rm, stat } from 'node:fs/promises'
import { dirname, join } from 'node:path'
import { ToolwardenError } from '../events/errors.ts'
import { uuidField } from '../events/field.ts'
import { formatTime } from '../events/time.ts'
import { BUNDLE_FILE, type BundleTotals, parseLine } from '../ledger/bundle/bundle-format.ts'
import { readBundleLines } from '../ledger/bundle/bundle-lines.ts'
import { convertBundle, type ForeignFormat } from '../ledger/bundle/convert-bundle.ts'
import { parseCheckpoint } from '../ledger/checkpoint.ts'
import { parseNote } from '../ledger/note.ts'
import type { EventFilter } from '../ledger/query.ts'
import { loadConfig } from './config.ts'
import { type ExportStream, openExport } from './export-source.ts'
import { openInstallation } from './installation.ts'
import { showProgress } from './progress.ts'

/** Options as commander gives them. */
export interface ExportFlags {
  readonly out?: string
  readonly from?: string
  readonly to?: string
  readonly type?: string
  readonly principal?: string
  readonly session?: string
  readonly server?: string
  readonly tool?: string
  readonly call?: string
  readonly payloads?: boolean
  readonly checkpoint?: readonly string[]
  readonly format?: string
  readonly reason?: string
  readonly config?: string
  readonly json?: boolean
}

type Format = 'bundle' | ForeignFormat

const FILES: Readonly<Record<Format, string>> = {
  bundle: BUNDLE_FILE,
  csv: 'toolwarden.csv',
  'sep-3004': 'toolwarden.sep-3004.jsonl',
}

/** Exports. Throws USAGE, NOT_FOUND without a Merkle log, STORE_*, LOG_*. */
export async function runExport(flags: ExportFlags): Promise<void> {
  const wish = {
    filter: readFilter(flags),
    payloads: flags.payloads === true,
    keptSizes: await Promise.all((flags.checkpoint ?? []).map(readSize)),
    reason: flags.reason ?? '',
  }
  const format = readFormat(flags.format)
  const path = await findOut(flags.out, format)
  const config = await loadConfig(process.env, flags.config)
  const installation = await openInstallation(config.data)
  const { bytes, totals } = await writeWhole(path, format, await openExport({ config, installation }, wish))
  const { events, withheld, leaves, chains, payloads } = totals
  process.stdout.write(
    flags.json === true
      ? `${JSON.stringify({ out: path, format, bytes, events, withheld, payloads, chains, leaves })}\n`
      : `${path}: ${events} events and ${withheld} bare hashes of ${chains} chains, ${payloads} payloads, ${leaves} leaves of the Merkle log\n`,
  )
}

function readFormat(text = 'bundle'): Format {
  if (text === 'bundle' || text === 'csv' || text === 'sep-3004') return text
  throw new ToolwardenError('USAGE', 'not a format', { where: '--format', fix: '--format bundle, csv or sep-3004' })
}

/** Written aside and renamed when its last line is there: a file of that name is never half a bundle. */
async function writeWhole(
  path: string,
  format: Format,
  { bytes: source, leaves }: ExportStream,
): Promise<{ readonly bytes: number; readonly totals: BundleTotals }> {
  const aside = `${path}.part`
  const file = await open(aside, 'w', 0o600)
  const progress = showProgress('exporting')
  let bytes = 0
  let lines = 0
  let found: BundleTotals | undefined
  const counted = countLines(source, (count) => {
    lines += count
    if (leaves !== undefined) progress.update(Math.min(lines, leaves), leaves)
  })
  const chunks = format === 'bundle' ? counted : convertBundle(counted, format, (totals) => (found = totals))
  try {
    for await (const chunk of chunks) {
      const piece = Buffer.from(chunk)
      await file.writeFile(piece)
      bytes += piece.byteLength
    }
    await file.sync()
    const totals = found ?? (await readTotals(aside, bytes))
    await rename(aside, path)
    return { bytes, totals }
  } catch (error) {
    await rm(aside, { force: true })
    throw error
  } finally {
    progress.end()
    await file.close()
  }
}

async function* countLines(
  source: AsyncIterable<Uint8Array>,
  onLines: (count: number) => void,
): AsyncGenerator<Buffer> {
  for await (const chunk of source) {
    let count = 0
    for (const byte of chunk) if (byte === NEWLINE) count++
    onLines(count)
    yield Buffer.from(chunk)
  }
}

const NEWLINE = 10
const TAIL_BYTES = 4_096

async function readTotals(path: string, bytes: number): Promise<BundleTotals> {
  let last: Buffer | undefined
  const tail = createReadStream(path, { start: Math.max(0, bytes - TAIL_BYTES) }) as AsyncIterable<Buffer>
  for await (const batch of readBundleLines(tail)) last = 'lines' in batch ? batch.lines.at(-1) : undefined
  const line = last === undefined ? undefined : parseLine(last)
  if (line?.kind === 'end') return line
  throw new ToolwardenError('STORE_UNAVAILABLE', 'the export was cut off', {
    where: path,
    fix: 'look at what `toolwarden up` says, then again',
    retriable: true,
  })
}

async function findOut(out: string | undefined, format: Format): Promise<string> {
  if (out === undefined)
    throw new ToolwardenError('USAGE', 'where to write is not said', { where: '--out', fix: '--out evidence.jsonl' })
  const isDirectory =
    out.endsWith('/') ||
    (await stat(out).then(
      (found) => found.isDirectory(),
      () => false,
    ))
  const path = isDirectory ? join(out, FILES[format]) : out
  await mkdir(dirname(path), { recursive: true, mode: 0o700 })
  return path
}

function readFilter({ from, to, type, principal, session, server, tool, call }: ExportFlags): EventFilter {
  if (call !== undefined && !uuidField.safeParse(call).success)
    throw new ToolwardenError('USAGE', 'not the id of a call', {
      where: '--call',
      fix: 'take it from the list of calls',
    })
  const times = { from: readTime('--from', from), to: readTime('--to', to) }
  if (times.from !== undefined && times.to !== undefined && times.from >= times.to)
    throw new ToolwardenError('USAGE', '--from is not before --to', { fix: 'exchange them, or leave one out' })
  const all = { ...times, type, principal, session, server, tool, call }
  return Object.fromEntries(Object.entries(all).filter(([, value]) => value !== undefined))
}

function readTime(flag: string, text: string | undefined): string | undefined {
  if (text === undefined) return undefined
  const timeMs = /^\d{4}-\d\d-\d\d/.test(text) ? Date.parse(text) : Number.NaN
  if (!Number.isNaN(timeMs)) return formatTime(timeMs * 1_000)
  throw new ToolwardenError('USAGE', `not a time: ${JSON.stringify(text)}`, {
    where: flag,
    fix: `${flag} 2026-11-22T13:00:00Z`,
  })
}

async function readSize(path: string): Promise<number> {
  return parseCheckpoint(parseNote(await readFile(path, 'utf8')).text).size
}
