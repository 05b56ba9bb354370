// What a witness keeps, in a directory of its own: its key (0600), the logs that it serves, and per log the last checkpoint
// that it cosigned, with both signatures, so that the file proves itself. A checkpoint is durable before its cosignature leaves.
import { createHash } from 'node:crypto'
import { mkdir, readFile, stat } from 'node:fs/promises'
import { join } from 'node:path'
import { readIfThere, writeDurably } from '../../events/durable-file.ts'
import { systemCode, ToolwardenError } from '../../events/errors.ts'
import { parseCheckpoint } from '../checkpoint.ts'
import { parseNote, type VerifierKey, verifyNote } from '../note.ts'
import { parseTrustPolicy } from '../trust-policy.ts'
import type { SeenTree } from './add-checkpoint.ts'

const STATE_FOLDER = 'logs'
const POLICY_FILE = 'logs.policy'

/** Makes a write fail, for tests: before it happens, or after it was persisted. */
export type WitnessFault = (when: 'before' | 'after') => void

/** A cosigned checkpoint as it was kept. */
export interface SeenCheckpoint extends SeenTree {
  /** The log's note with our cosignature. */
  readonly note: string
  /** When we cosigned it, seconds since 1970. */
  readonly timestampSeconds: number
}

/** The file by which a log's checkpoint is known, here and over HTTP: SHA-256 of its origin. */
export function originHash(origin: string): string {
  return createHash('sha256').update(origin).digest('hex')
}

/** The files of one witness. */
export class WitnessFiles {
  readonly #directory: string
  readonly #fault: WitnessFault | undefined

  constructor(directory: string, fault?: WitnessFault) {
    this.#directory = directory
    this.#fault = fault
  }

  /** Where the logs that are served are listed, in the form of a trust policy. */
  get policyFile(): string {
    return join(this.#directory, POLICY_FILE)
  }

  /** Throws CONFIG_INVALID where a witness has its memory here already. */
  async expectNew(): Promise<void> {
    if (!(await this.#hasState())) return
    throw new ToolwardenError('CONFIG_INVALID', 'there is a witness already', {
      where: this.#directory,
      fix: 'take another directory: a witness that starts again would forget what it saw',
    })
  }

  /** Makes the memory of a new witness, that serves no log yet. Throws CONFIG_INVALID where there is one already. */
  async create(): Promise<void> {
    await this.expectNew()
    await writeDurably(this.policyFile, 'quorum none\n')
    await mkdir(join(this.#directory, STATE_FOLDER), { recursive: true, mode: 0o700 })
  }

  /** Refuses to go on without what was seen: an empty witness would cosign any history. Throws KEY_MISSING. */
  async expectState(): Promise<void> {
    if (await this.#hasState()) return
    throw new ToolwardenError('KEY_MISSING', 'there is no witness here, or what it saw is gone', {
      where: join(this.#directory, STATE_FOLDER),
      fix: 'toolwarden witness init, in a new directory; a witness without its memory needs a new key',
    })
  }

  /** The keys of the logs that are served. Throws TRUST_INVALID. */
  async logKeys(): Promise<readonly VerifierKey[]> {
    const { logs } = parseTrustPolicy(await readFile(this.policyFile), this.policyFile)
    return logs.map(({ key }) => key)
  }

  /** Serves one more log. Throws TRUST_INVALID for what can't be a line of the policy; the file is then left as it is. */
  async addLog(vkey: string): Promise<void> {
    const text = Buffer.concat([await readFile(this.policyFile), Buffer.from(`log ${vkey}\n`)])
    parseTrustPolicy(text, this.policyFile)
    await writeDurably(this.policyFile, text)
  }

  /** The last checkpoint of a log that we cosigned. Throws CHECKPOINT_INVALID where its own cosignature does not hold. */
  async seen(origin: string, ownKey: VerifierKey): Promise<SeenCheckpoint | undefined> {
    const bytes = await readIfThere(this.#path(origin))
    if (bytes === undefined) return undefined
    const note = bytes.toString('utf8')
    const parsed = parseNote(note)
    const checkpoint = parseCheckpoint(parsed.text, 'allowed')
    const [own] = verifyNote(parsed, [ownKey])
    if (checkpoint.origin !== origin || own?.timestampSeconds === undefined)
      throw new ToolwardenError('CHECKPOINT_INVALID', 'the kept checkpoint is of another log', {
        where: this.#path(origin),
        fix: 'this witness can no longer be trusted: begin a new one, with a new key',
      })
    return { ...checkpoint, note, timestampSeconds: own.timestampSeconds }
  }

  /** Keeps a cosigned checkpoint; resolves when it is durable. Rejects with what the system says. */
  async keep(origin: string, note: string): Promise<void> {
    this.#fault?.('before')
    await writeDurably(this.#path(origin), note)
    this.#fault?.('after')
  }

  async #hasState(): Promise<boolean> {
    try {
      return (await stat(join(this.#directory, STATE_FOLDER))).isDirectory()
    } catch (error) {
      if (systemCode(error) === 'ENOENT') return false
      throw error
    }
  }

  #path(origin: string): string {
    return join(this.#directory, STATE_FOLDER, originHash(origin))
  }
}
