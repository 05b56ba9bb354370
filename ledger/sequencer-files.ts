// What the sequencer writes, each file whole or not at all and durable: in a directory of its own the checkpoint that was
// won and what is staged, in the log's directory the tiles and the published checkpoint.
import { readdir, rm } from 'node:fs/promises'
import { join } from 'node:path'
import { readIfThere, writeDurably } from '../events/durable-file.ts'
import { systemCode, ToolwardenError } from '../events/errors.ts'
import { parseNote } from './note.ts'
import { parseTilePath, TILE_WIDTH } from './tiles.ts'
import type { TreeFile } from './tree-edge.ts'
import { CHECKPOINT_FILE, WITNESSED_FILE } from './tree-reader.ts'

const STAGING_FOLDER = 'staging'

/** A write of the sequencer, in their order. */
export const SEQUENCER_WRITES = ['staging', 'claim', 'checkpoint', 'tile', 'leaves', 'publish', 'discard'] as const
/** One of them. */
export type SequencerWrite = (typeof SEQUENCER_WRITES)[number]
/** Makes a write fail, for tests: before it happens, or after it was persisted. */
export type SequencerFault = (when: 'before' | 'after', write: SequencerWrite) => void

/** What a new size needs, durable before it is signed. */
export interface Staged {
  readonly size: number
  /** Hex. */
  readonly root: string
  /** Index of the first of `leaves`. */
  readonly from: number
  readonly leaves: readonly string[]
  readonly files: readonly TreeFile[]
}

/** The sequencer's files. All methods reject with what the system says. */
export class SequencerFiles {
  readonly #tree: string
  readonly #state: string
  readonly #fault: SequencerFault | undefined
  /** Whoever publishes waits for the one before: the sequencer, and whoever adds cosignatures. */
  #publishing: Promise<unknown> = Promise.resolve()

  constructor(directories: { readonly tree: string; readonly state: string }, fault?: SequencerFault) {
    this.#tree = directories.tree
    this.#state = directories.state
    this.#fault = fault
  }

  /** The checkpoint that was won last, which alone says how far the log goes. */
  async won(): Promise<string | undefined> {
    return (await readIfThere(join(this.#state, CHECKPOINT_FILE)))?.toString('utf8')
  }

  /** The checkpoint that everybody sees. */
  async published(): Promise<string | undefined> {
    return (await readIfThere(join(this.#tree, CHECKPOINT_FILE)))?.toString('utf8')
  }

  async stage(staged: Staged): Promise<void> {
    const files = staged.files.map(({ path, bytes }) => ({ path, bytes: bytes.toString('base64') }))
    await this.write('staging', () => writeDurably(this.#stagedPath(staged), JSON.stringify({ ...staged, files })))
  }

  /** What was staged for a checkpoint. */
  async staged(size: number, root: string): Promise<Staged | undefined> {
    return await readStaged(this.#stagedPath({ size, root }))
  }

  /** What was staged to follow a tree of a size, whether it was won or not; one at most. */
  async stagedFrom(size: number): Promise<Staged | undefined> {
    const folder = join(this.#state, STAGING_FOLDER)
    for (const name of await namesIn(folder)) {
      const staged = name.endsWith('.json') ? await readStaged(join(folder, name)) : undefined
      if (staged?.from === size) return staged
    }
    return undefined
  }

  /** Compare-and-set of the won checkpoint, under the lock of the state directory. Throws TREE_INVALID when it is lost. */
  async replace(expected: string | undefined, note: string): Promise<void> {
    if ((await this.won()) !== expected)
      throw new ToolwardenError('TREE_INVALID', 'another sequencer has moved the log', {
        where: join(this.#state, CHECKPOINT_FILE),
        fix: 'run one ledger on a data directory',
      })
    await this.write('checkpoint', () => writeDurably(join(this.#state, CHECKPOINT_FILE), note))
  }

  /** Writes tiles and bundles; the partial ones that a full one replaces are removed. */
  async apply(files: readonly TreeFile[]): Promise<void> {
    for (const { path, bytes } of files) {
      await this.write('tile', () => writeDurably(join(this.#tree, path), bytes))
      if (parseTilePath(path)?.width === TILE_WIDTH)
        await rm(join(this.#tree, `${path}.p`), { recursive: true, force: true })
    }
  }

  async publish(note: string): Promise<void> {
    await this.write('publish', () => this.#inTurn(() => writeDurably(join(this.#tree, CHECKPOINT_FILE), note)))
  }

  /** Publishes a checkpoint with cosignatures, unless another was published meanwhile; kept besides where it has its quorum. */
  async publishCosigned(note: string, isQuorum: boolean): Promise<void> {
    await this.#inTurn(async () => {
      if (isQuorum) await writeDurably(join(this.#tree, WITNESSED_FILE), note)
      if (isSameText(await this.published(), note)) await writeDurably(join(this.#tree, CHECKPOINT_FILE), note)
    })
  }

  /** Removes all that is staged. */
  async discard(): Promise<void> {
    const folder = join(this.#state, STAGING_FOLDER)
    await this.write('discard', async () => {
      await rm(folder, { recursive: true, force: true })
    })
  }

  /** One write, with its faults. */
  async write(name: SequencerWrite, work: () => Promise<void>): Promise<void> {
    this.#fault?.('before', name)
    await work()
    this.#fault?.('after', name)
  }

  #inTurn(work: () => Promise<void>): Promise<void> {
    const next = this.#publishing.then(work)
    this.#publishing = next.catch(() => undefined)
    return next
  }

  #stagedPath({ size, root }: Pick<Staged, 'size' | 'root'>): string {
    return join(this.#state, STAGING_FOLDER, `${size}-${root}.json`)
  }
}

/** Whether two notes say the same, whoever signed them. */
export function isSameText(note: string | undefined, other: string): boolean {
  return note !== undefined && parseNote(note).text === parseNote(other).text
}

async function readStaged(path: string): Promise<Staged | undefined> {
  const bytes = await readIfThere(path)
  if (bytes === undefined) return undefined
  const { files, ...rest } = JSON.parse(bytes.toString('utf8')) as Omit<Staged, 'files'> & {
    readonly files: readonly { readonly path: string; readonly bytes: string }[]
  }
  return { ...rest, files: files.map(({ path, bytes: text }) => ({ path, bytes: Buffer.from(text, 'base64') })) }
}

async function namesIn(folder: string): Promise<readonly string[]> {
  try {
    return await readdir(folder)
  } catch (error) {
    if (systemCode(error) === 'ENOENT') return []
    throw error
  }
}
