// Recorded calls out of files: one JSON object a line, oldest first (ledger/recorded-call.ts), plain or compressed with gzip.
// Of a directory all `*.calls.jsonl` and `*.calls.jsonl.gz`, merged by time. Read line by line: no file has to fit memory.
import { createReadStream } from 'node:fs'
import { readdir, stat } from 'node:fs/promises'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import type { Readable } from 'node:stream'
import { createGunzip } from 'node:zlib'
import { systemCode, ToolwardenError } from '../events/errors.ts'
import { parseCallLine, type RecordedCall } from '../ledger/recorded-call.ts'

/** Most files of one directory that are read at once. */
const MAX_FILES = 100
const BATCH_CALLS = 1_000
const CALLS = /\.calls\.jsonl(?:\.gz)?$/

/** Files of recorded calls, and how far they were read. */
export interface CallFiles {
  readonly totalBytes: number
  readonly readBytes: () => number
  readonly batches: AsyncGenerator<readonly RecordedCall[]>
}

/** Opens a file, or the files of a directory. Throws USAGE where there is none; reading throws REQUEST_INVALID with the line. */
export async function openCallFiles(path: string): Promise<CallFiles> {
  const files = await listFiles(path)
  const readers = files.map(({ path: file }) => new LineReader(file))
  return {
    totalBytes: files.reduce((total, { bytes }) => total + bytes, 0),
    readBytes: () => readers.reduce((total, { readBytes }) => total + readBytes, 0),
    batches: inBatches(mergeByTime(readers)),
  }
}

async function listFiles(path: string): Promise<readonly { readonly path: string; readonly bytes: number }[]> {
  try {
    const found = await stat(path)
    if (!found.isDirectory()) return [{ path, bytes: found.size }]
    const names = (await readdir(path)).filter((name) => CALLS.test(name)).toSorted()
    if (names.length === 0 || names.length > MAX_FILES)
      throw new ToolwardenError('USAGE', `the directory holds ${names.length} files *.calls.jsonl[.gz]`, {
        where: path,
        fix: `name a directory with 1 to ${MAX_FILES} of them, or one file`,
      })
    const files = names.map((name) => join(path, name))
    return await Promise.all(files.map(async (file) => ({ path: file, bytes: (await stat(file)).size })))
  } catch (cause) {
    if (cause instanceof ToolwardenError) throw cause
    throw unreadable(path, cause)
  }
}

/** The calls of one file. */
class LineReader {
  readonly #path: string
  readBytes = 0

  constructor(path: string) {
    this.#path = path
  }

  async *calls(): AsyncGenerator<RecordedCall> {
    const input = createReadStream(this.#path)
    input.on('data', (bytes) => {
      this.readBytes += bytes.length
    })
    let place = 0
    try {
      for await (const line of createInterface({ input: this.#decode(input), crlfDelay: Number.POSITIVE_INFINITY })) {
        place += 1
        if (line === '') continue
        const call = parseCallLine(line)
        if (typeof call === 'string')
          throw new ToolwardenError('REQUEST_INVALID', `not a recorded call: ${call}`, {
            where: `${this.#path}:${place}`,
            fix: 'docs/policy.md says what a line holds',
          })
        yield call
      }
    } catch (cause) {
      if (cause instanceof ToolwardenError) throw cause
      throw unreadable(this.#path, cause)
    } finally {
      input.destroy()
    }
  }

  #decode(input: Readable): Readable {
    if (!this.#path.endsWith('.gz')) return input
    const gunzip = createGunzip()
    input.on('error', (error) => gunzip.destroy(error))
    return input.pipe(gunzip)
  }
}

function unreadable(path: string, cause: unknown): ToolwardenError {
  return new ToolwardenError('USAGE', `the recorded calls cannot be read: ${systemCode(cause) ?? 'unknown reason'}`, {
    where: path,
    fix: 'name a file of recorded calls, or a directory of them: --history <path>',
    cause,
  })
}

/** Each file is in order by itself; the next call is the oldest of those at their heads. */
async function* mergeByTime(readers: readonly LineReader[]): AsyncGenerator<RecordedCall> {
  const streams = readers.map((reader) => reader.calls())
  try {
    const heads = await Promise.all(streams.map((stream) => stream.next()))
    for (;;) {
      let oldest = -1
      for (const [place, head] of heads.entries())
        if (head.done !== true && head.value.timeMs < timeAt(heads, oldest)) oldest = place
      const head = heads[oldest]
      const stream = streams[oldest]
      if (head === undefined || head.done === true || stream === undefined) return
      yield head.value
      heads[oldest] = await stream.next()
    }
  } finally {
    for (const stream of streams) await stream.return(undefined)
  }
}

function timeAt(heads: readonly IteratorResult<RecordedCall>[], place: number): number {
  const head = heads[place]
  return head === undefined || head.done === true ? Number.POSITIVE_INFINITY : head.value.timeMs
}

async function* inBatches(calls: AsyncIterable<RecordedCall>): AsyncGenerator<readonly RecordedCall[]> {
  let batch: RecordedCall[] = []
  for await (const call of calls) {
    batch.push(call)
    if (batch.length < BATCH_CALLS) continue
    yield batch
    batch = []
  }
  if (batch.length > 0) yield batch
}
