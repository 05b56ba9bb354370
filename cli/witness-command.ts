// `toolwarden witness`: init, add-log, and the witness itself until it is asked to stop. It needs no installation: its
// directory is its own, best on another machine than the ledgers that it watches.

import { type DirectoryLock, lockDirectory } from '../events/directory-lock.ts'
import { ToolwardenError } from '../events/errors.ts'
import { formatVerifierKey, parseVerifierKey } from '../ledger/note.ts'
import { Witness } from '../ledger/witness/witness.ts'
import { WitnessFiles } from '../ledger/witness/witness-files.ts'
import { createWitnessKey, openWitnessKey } from '../ledger/witness/witness-key.ts'
import { serveWitness } from '../ledger/witness/witness-server.ts'
import { privateDirectory } from './installation.ts'
import { createLogger } from './logger.ts'
import { findPassphrase } from './passphrase.ts'
import { stopRequested } from './shutdown.ts'

const DEFAULT_PLACE = { host: '127.0.0.1', port: 8790 }

/** Options of these commands as commander gives them. */
export interface WitnessFlags {
  readonly directory?: string
  readonly listen?: string
  readonly name?: string
  readonly json?: boolean
}

/** Makes a witness. Throws CONFIG_INVALID where there is one already, KEY_INVALID for a bad name. */
export async function runWitnessInit(flags: WitnessFlags): Promise<void> {
  const directory = directoryOf(flags)
  await privateDirectory(directory)
  const lock = lockDirectory(directory)
  try {
    const files = new WitnessFiles(directory)
    await files.expectNew()
    // The memory last: only with it is there a witness, and what failed before can be begun again.
    const key = await createWitnessKey(directory, flags.name ?? '', await findPassphrase(process.env))
    await files.create()
    const vkey = formatVerifierKey(key.verifier)
    if (flags.json === true) return print(JSON.stringify({ directory, name: key.name, vkey }))
    print(
      [
        `made a witness in ${directory}`,
        `public key: ${vkey}`,
        `in a trust policy: witness ${key.name} ${vkey}`,
        "next: toolwarden witness add-log <the ledger's log.vkey> --directory …",
      ].join('\n'),
    )
  } finally {
    lock.release()
  }
}

/** Serves one more log from the next start on. Throws KEY_INVALID, TRUST_INVALID. */
export async function runWitnessAddLog(vkey: string, flags: WitnessFlags): Promise<void> {
  const directory = directoryOf(flags)
  const files = new WitnessFiles(directory)
  await files.expectState()
  const { name } = parseVerifierKey(vkey.trim())
  await files.addLog(vkey.trim())
  print(flags.json === true ? JSON.stringify({ origin: name }) : `serves ${name} from the next start on`)
}

/** Answers until SIGTERM or SIGINT. Throws KEY_MISSING, KEY_INVALID, TRUST_INVALID, DATA_LOCKED, PORT_IN_USE. */
export async function runWitness(flags: WitnessFlags): Promise<void> {
  const stopped = stopRequested()
  const directory = directoryOf(flags)
  const place = flags.listen === undefined ? DEFAULT_PLACE : parsePlace(flags.listen)
  await privateDirectory(directory)
  const lock = lockWitness(directory)
  try {
    const logger = createLogger(process.env, 'witness')
    const files = new WitnessFiles(directory)
    await files.expectState()
    const key = await openWitnessKey(directory, await findPassphrase(process.env))
    const logKeys = await files.logKeys()
    if (logKeys.length === 0) logger.warn('no log is served yet: toolwarden witness add-log')
    const witness = new Witness({ files, key, logKeys, nowSeconds: () => Math.floor(Date.now() / 1_000) })
    const running = await serveWitness(witness, place, (err) => logger.error({ err }, 'nothing was cosigned'))
    print(flags.json === true ? JSON.stringify({ url: running.url, vkey: witness.vkey }) : `witness at ${running.url}`)
    const signal = await stopped
    logger.info({ signal }, 'stopping')
    await running.stop()
  } finally {
    lock.release()
  }
}

function lockWitness(directory: string): DirectoryLock {
  try {
    return lockDirectory(directory)
  } catch (cause) {
    if (!(cause instanceof ToolwardenError) || cause.code !== 'STORE_LOCKED') throw cause
    throw new ToolwardenError('DATA_LOCKED', 'another process is this witness', {
      where: directory,
      fix: 'stop it first: two would cosign two histories',
      cause,
    })
  }
}

function directoryOf({ directory }: WitnessFlags): string {
  if (directory !== undefined) return directory
  throw new ToolwardenError('USAGE', 'a witness has a directory of its own', {
    where: '--directory',
    fix: 'toolwarden witness --directory /var/lib/toolwarden-witness',
  })
}

function parsePlace(text: string): { readonly host: string; readonly port: number } {
  const found = /^(?:\[([0-9A-Fa-f:]+)\]|([^:\s]+)):(\d{1,5})$/.exec(text)
  const port = Number(found?.[3])
  const host = found?.[1] ?? found?.[2]
  if (host !== undefined && port <= 65_535) return { host, port }
  throw new ToolwardenError('USAGE', 'expected host:port', { where: '--listen', fix: '--listen 127.0.0.1:8790' })
}

function print(text: string): void {
  process.stdout.write(`${text}\n`)
}
