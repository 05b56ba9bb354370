// The runner's saved state: one file, written beside, synced and renamed, so that it is always a whole one.
// First line: the state; second: format, log and SHA-256 of the first. An unusable file is no loss: the log is read anew.
import { createHash } from 'node:crypto'
import { readFile, stat } from 'node:fs/promises'
import { join } from 'node:path'
import { z } from 'zod'
import { writeDurably } from '../events/durable-file.ts'
import { systemCode, ToolwardenError } from '../events/errors.ts'
import type { Issue } from './adapt.ts'
import type { chainBookSchema } from './chain-book.ts'
import type { EngineState } from './engine.ts'
import { inTurns, jsonPieces } from './json-pieces.ts'
import type { RuleRecord } from './rule-records.ts'

const FORMAT = 4
const FILE_NAME = 'detectors.json'

const headSchema = z.strictObject({ format: z.literal(FORMAT), log: z.string(), digest: z.string() })

/** Everything that a restart needs, of one moment. */
export interface Snapshot {
  readonly book: z.infer<typeof chainBookSchema>
  readonly engine: EngineState
  /** What was found and is not known to be in the log yet. */
  readonly outbox: readonly Issue[]
  /** Rules that are in the log and not known to be on control yet. */
  readonly ruleRecords: readonly RuleRecord[]
}

/** What loading came to. */
export type LoadedSnapshot =
  | { readonly type: 'loaded'; readonly snapshot: Snapshot }
  | { readonly type: 'none' }
  | { readonly type: 'unusable'; readonly reason: string; readonly where: string }

/** Loads and saves snapshots of one log in a directory of its own. */
export class SnapshotFile {
  readonly #directory: string
  readonly #log: string
  /** Of the newest snapshot, as far as this one loaded or saved it. */
  sizeBytes = 0

  constructor(directory: string, log: string) {
    this.#directory = directory
    this.#log = log
  }

  /** Reads the newest snapshot. Throws STORE_UNAVAILABLE when the file is there and can't be read. */
  async load(): Promise<LoadedSnapshot> {
    const where = join(this.#directory, FILE_NAME)
    try {
      const text = await readFile(where, 'utf8')
      const snapshot = parseSnapshot(text, this.#log)
      this.sizeBytes = Buffer.byteLength(text)
      return typeof snapshot === 'string' ? { type: 'unusable', reason: snapshot, where } : { type: 'loaded', snapshot }
    } catch (error) {
      if (systemCode(error) === 'ENOENT') return { type: 'none' }
      throw unavailable(where, error)
    }
  }

  /** Replaces the snapshot. Durable when it resolves. Throws STORE_UNAVAILABLE; the old one then stands. */
  async save(snapshot: Snapshot): Promise<void> {
    const where = join(this.#directory, FILE_NAME)
    try {
      await writeDurably(where, this.#textOf(snapshot))
      this.sizeBytes = (await stat(where)).size
    } catch (error) {
      throw unavailable(where, error)
    }
  }

  /** In turns of the event loop: what was captured is never changed, and what comes meanwhile must not wait for all of it. */
  async *#textOf(snapshot: Snapshot): AsyncGenerator<string> {
    const hash = createHash('sha256')
    for await (const text of inTurns(jsonPieces(snapshot))) {
      hash.update(text)
      yield text
    }
    yield `\n${JSON.stringify({ format: FORMAT, log: this.#log, digest: hash.digest('hex') })}\n`
  }
}

/** The snapshot, or why it is not one. The digest shows that it was written whole by this program. */
function parseSnapshot(text: string, log: string): Snapshot | string {
  const [body = '', headLine = ''] = text.split('\n')
  const head = headSchema.safeParse(parseJson(headLine))
  if (!head.success) return 'it is not a snapshot of this version'
  if (head.data.log !== log) return `it belongs to the log ${head.data.log}`
  if (head.data.digest !== digestOf(body)) return 'it is damaged'
  return JSON.parse(body) as Snapshot
}

function parseJson(text: string): unknown {
  try {
    return JSON.parse(text)
  } catch {
    return undefined
  }
}

function digestOf(body: string): string {
  return createHash('sha256').update(body).digest('hex')
}

function unavailable(where: string, cause: unknown): ToolwardenError {
  return new ToolwardenError(
    'STORE_UNAVAILABLE',
    `the detectors' state can't be read or written (${systemCode(cause) ?? 'unknown error'})`,
    {
      where,
      cause,
      fix: 'Check that the directory belongs to this user and the disk is not full.',
      retriable: true,
    },
  )
}
