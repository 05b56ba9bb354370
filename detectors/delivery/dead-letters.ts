// What could not be delivered: one file a letter, so that listing is reading a directory, and sending one again is moving it.
// `dead/` is written by the delivery, `again/` by the command line; a move is one step, so no letter is in neither.
import { mkdir, readdir, readFile, rename, rm, stat } from 'node:fs/promises'
import { join } from 'node:path'
import { writeDurably } from '../../events/durable-file.ts'
import { systemCode, ToolwardenError } from '../../events/errors.ts'
import type { AlertNotice } from './alert-notice.ts'

/** The most letters that are kept; the oldest go first. */
const MAX_DEAD_LETTERS = 1_000
/** `<destination>--<id>.json` */
const FILE_NAME = /^([a-z0-9][a-z0-9-]{0,39})--([0-9a-f]{64})\.json$/

/** A notice that was given up. */
export interface DeadLetter {
  readonly destination: string
  readonly notice: AlertNotice
  readonly failures: number
  /** Why the last attempt failed. */
  readonly reason: string
  readonly diedAt: string
}

/** The letters of a directory. */
export class DeadLetters {
  readonly #dead: string
  readonly #again: string

  constructor(directory: string) {
    this.#dead = join(directory, 'dead')
    this.#again = join(directory, 'again')
  }

  /** Keeps a letter; resolves with how many older ones went for it. */
  async keep(letter: DeadLetter): Promise<number> {
    await writeDurably(join(this.#dead, fileNameOf(letter.destination, letter.notice.id)), JSON.stringify(letter))
    const names = await listNames(this.#dead)
    if (names.length <= MAX_DEAD_LETTERS) return 0
    const aged = await Promise.all(
      names.map(async (name) => ({ name, atMs: (await stat(join(this.#dead, name))).mtimeMs })),
    )
    const oldest = aged.toSorted((left, right) => left.atMs - right.atMs).slice(0, names.length - MAX_DEAD_LETTERS)
    for (const { name } of oldest) await rm(join(this.#dead, name), { force: true })
    return oldest.length
  }

  /** All letters, the oldest first. */
  async list(): Promise<readonly DeadLetter[]> {
    const letters = await Promise.all((await listNames(this.#dead)).map((name) => readLetter(join(this.#dead, name))))
    return letters.flatMap((letter) => letter ?? []).toSorted((left, right) => (left.diedAt < right.diedAt ? -1 : 1))
  }

  /** Asks for a letter to be sent again. Throws NOT_FOUND where there is none. */
  async askAgain(destination: string, id: string): Promise<void> {
    await mkdir(this.#again, { recursive: true, mode: 0o700 })
    const name = fileNameOf(destination, id)
    try {
      await rename(join(this.#dead, name), join(this.#again, name))
    } catch (error) {
      if (systemCode(error) !== 'ENOENT') throw error
      throw new ToolwardenError('NOT_FOUND', 'there is no such dead letter', {
        where: `${destination} ${id}`,
        fix: 'toolwarden alerts deliveries',
      })
    }
  }

  /** The letters that are asked for again; each stays until `forgetAsked`. */
  async listAsked(): Promise<readonly DeadLetter[]> {
    const letters = await Promise.all((await listNames(this.#again)).map((name) => readLetter(join(this.#again, name))))
    return letters.flatMap((letter) => letter ?? [])
  }

  /** Forgets that a letter was asked for: it is on its way, and saved as such. */
  async forgetAsked({ destination, notice }: DeadLetter): Promise<void> {
    await rm(join(this.#again, fileNameOf(destination, notice.id)), { force: true })
  }
}

function fileNameOf(destination: string, id: string): string {
  const name = `${destination}--${id}.json`
  if (FILE_NAME.test(name)) return name
  throw new ToolwardenError('USAGE', 'not the name of a destination and the id of a letter', {
    where: JSON.stringify(name),
    fix: 'toolwarden alerts deliveries',
  })
}

async function listNames(directory: string): Promise<readonly string[]> {
  try {
    return (await readdir(directory)).filter((name) => FILE_NAME.test(name))
  } catch (error) {
    if (systemCode(error) === 'ENOENT') return []
    throw error
  }
}

/** Undefined where it was moved meanwhile. */
async function readLetter(path: string): Promise<DeadLetter | undefined> {
  try {
    return JSON.parse(await readFile(path, 'utf8')) as DeadLetter
  } catch (error) {
    if (systemCode(error) === 'ENOENT') return undefined
    throw error
  }
}
