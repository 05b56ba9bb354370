// The key of the Merkle log, in a file of its own that the sequencer alone reads, and beside it the public key for
// everybody else. The public key is written once the first checkpoint stands: it says that the log existed.
import { join } from 'node:path'
import { readIfThere, writeDurably } from '../events/durable-file.ts'
import { ToolwardenError } from '../events/errors.ts'
import { generateKey, type KeyPair, privateKeyPem } from '../events/keys.ts'
import { readKeyFile } from '../events/private-file.ts'
import { formatVerifierKey, parseVerifierKey, type VerifierKey, verifierKey } from './note.ts'

const PRIVATE_FILE = 'log.key'
const PUBLIC_FILE = 'log.vkey'

/** The log's key, and whether a log was ever begun with it. */
export interface LogKey {
  readonly pair: KeyPair
  readonly verifier: VerifierKey
  readonly hasBegun: boolean
}

/** Opens the log's key in a directory; makes it where no log was ever begun. Throws KEY_MISSING, KEY_INVALID. */
export async function openLogKey(directory: string, origin: string, passphrase?: string): Promise<LogKey> {
  const path = join(directory, PRIVATE_FILE)
  const known = await readLogVerifierKey(directory)
  const pair =
    (await readKeyFile(path, passphrase)) ?? (known === undefined ? await makeKey(path, passphrase) : undefined)
  if (pair === undefined)
    throw new ToolwardenError('KEY_MISSING', 'the key of the Merkle log is gone', {
      where: path,
      fix: 'restore it from a backup; the log cannot go on with another one',
    })
  const verifier = verifierKey(origin, pair.publicKey)
  if (known !== undefined && formatVerifierKey(known) !== formatVerifierKey(verifier))
    throw new ToolwardenError('KEY_INVALID', `this is not the key with which the log ${known.name} was begun`, {
      where: path,
      fix: 'restore it from a backup',
    })
  return { pair, verifier, hasBegun: known !== undefined }
}

/** Writes the public key: from now on the log exists. */
export async function publishLogKey(directory: string, key: VerifierKey): Promise<void> {
  await writeDurably(join(directory, PUBLIC_FILE), `${formatVerifierKey(key)}\n`)
}

/** The log's public key; undefined before the log was begun. Throws KEY_INVALID. */
export async function readLogVerifierKey(directory: string): Promise<VerifierKey | undefined> {
  const text = await readIfThere(join(directory, PUBLIC_FILE))
  return text === undefined ? undefined : parseVerifierKey(text.toString('utf8').trimEnd())
}

async function makeKey(path: string, passphrase: string | undefined): Promise<KeyPair> {
  const pair = generateKey()
  await writeDurably(path, privateKeyPem(pair, passphrase))
  return pair
}
