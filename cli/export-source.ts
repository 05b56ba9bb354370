// Where an export comes from: the store itself, or, while `up` holds it, its API. Either way the export is recorded first.
import { Readable } from 'node:stream'
import type { ReadableStream } from 'node:stream/web'
import { readCliToken } from '../api/cli-token.ts'
import { ToolwardenError } from '../events/errors.ts'
import { formatTime, systemClock } from '../events/time.ts'
import type { BundleRequest } from '../ledger/bundle/write-bundle.ts'
import { findApi, requestApi } from './api-client.ts'
import { openBackbone } from './backbone.ts'
import type { Config } from './config.ts'
import type { Installation } from './installation.ts'
import { merkleLogDirectory } from './merkle-log.ts'
import { storeSettings } from './store-place.ts'
import { softwareName } from './version.ts'

/** What to export, and why. */
export interface ExportWish extends Pick<BundleRequest, 'filter' | 'payloads' | 'keptSizes'> {
  readonly reason: string
}

/** Bytes of a bundle, and how many leaves of the log they are about, where that is known. */
export interface ExportStream {
  readonly leaves: number | undefined
  readonly bytes: AsyncIterable<Uint8Array>
}

/** Whose name stands in the record where nobody logs in. */
const LOCAL = 'user:command-line'
const WRITER = 'api/export'
/** How many characters are written at once. */
const CHUNK_CHARACTERS = 256 * 1024

/** Begins an export. Throws NOT_FOUND without a Merkle log, STORE_*, LOG_*, and what the API answers. */
export async function openExport(
  { config, installation }: { readonly config: Config; readonly installation: Installation },
  wish: ExportWish,
): Promise<ExportStream> {
  try {
    return await exportDirectly(config, installation, wish)
  } catch (error) {
    const url = await findApi(config.data)
    if (!(error instanceof ToolwardenError) || error.code !== 'STORE_LOCKED' || url === undefined) throw error
    return await exportThroughApi(url, await readCliToken(installation.cliTokenFile), wish)
  }
}

async function exportDirectly(config: Config, installation: Installation, wish: ExportWish): Promise<ExportStream> {
  const { openLedgerStore } = await import('../ledger/clickhouse-store.ts')
  const { writeBundle } = await import('../ledger/bundle/write-bundle.ts')
  const log = config.log ?? installation.log
  const store = await openLedgerStore(storeSettings(config), log)
  try {
    const { reason, ...asked } = wish
    const request = { ...asked, exportedAt: formatTime(systemClock().nowMicros()), by: LOCAL }
    const source = { store, log, directory: merkleLogDirectory(config) }
    const { what, events, leaves, lines } = await writeBundle(source, request)
    await recordExport(config, installation, { what: what.slice(0, 2_000), events, reason })
    return { leaves, bytes: closing(lines, () => store.close()) }
  } catch (error) {
    await store.close()
    throw error
  }
}

/** A run of its own, which the ledger stores when it runs next. */
async function recordExport(
  config: Config,
  installation: Installation,
  said: { readonly what: string; readonly events: number; readonly reason: string },
): Promise<void> {
  const { ChainWriter } = await import('../events/chain-writer.ts')
  const { eventLog, log } = await openBackbone(config, installation, (text) => process.stderr.write(`${text}\n`))
  try {
    const opening = { software: softwareName(), configuration: config.digest }
    const key = installation.keys.api
    const chainWriter = new ChainWriter({ eventLog, clock: systemClock(), log, writer: WRITER, key, opening })
    await chainWriter.append([{ draft: { type: 'admin/exported', by: LOCAL, ...said } }])
    await chainWriter.close()
  } finally {
    await eventLog.close()
  }
}

async function* closing(lines: AsyncIterable<string>, close: () => Promise<void>): AsyncGenerator<Uint8Array> {
  try {
    let text = ''
    for await (const line of lines) {
      text += line
      if (text.length < CHUNK_CHARACTERS) continue
      yield Buffer.from(text)
      text = ''
    }
    yield Buffer.from(text)
  } finally {
    await close()
  }
}

async function exportThroughApi(url: string, token: string, wish: ExportWish): Promise<ExportStream> {
  const query = new URLSearchParams({ payloads: String(wish.payloads), reason: wish.reason })
  for (const [name, value] of Object.entries(wish.filter)) if (value !== undefined) query.set(name, value)
  if (wish.keptSizes.length > 0) query.set('kept', wish.keptSizes.join(','))
  const { body } = await requestApi(url, `/v1/bundle?${query}`, { method: 'GET', token })
  const bytes = body === null ? Readable.from([]) : Readable.fromWeb(body as ReadableStream)
  return { leaves: undefined, bytes }
}
