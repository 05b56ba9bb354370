// The key of a witness, in a file of its own (0600), and its public key beside it for whoever is to trust it.
import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { readIfThere, writeDurably } from '../../events/durable-file.ts'
import { ToolwardenError } from '../../events/errors.ts'
import { generateKey, type KeyPair, privateKeyPem } from '../../events/keys.ts'
import { readKeyFile } from '../../events/private-file.ts'
import { formatVerifierKey, parseVerifierKey, type VerifierKey, verifierKey, WITNESS_SIGNATURE } from '../note.ts'

const PRIVATE_FILE = 'witness.key'
const PUBLIC_FILE = 'witness.vkey'

/** What a witness signs with. */
export interface WitnessKey {
  readonly name: string
  readonly pair: KeyPair
  readonly verifier: VerifierKey
}

/** Makes the key of a witness with a name (a URL without scheme, as C2SP has it). Throws KEY_INVALID for such a name. */
export async function createWitnessKey(directory: string, name: string, passphrase?: string): Promise<WitnessKey> {
  const pair = generateKey()
  const verifier = verifierKey(name, pair.publicKey, WITNESS_SIGNATURE)
  await writeDurably(join(directory, PRIVATE_FILE), privateKeyPem(pair, passphrase))
  await writeDurably(join(directory, PUBLIC_FILE), `${formatVerifierKey(verifier)}\n`)
  return { name, pair, verifier }
}

/** Opens the key of a witness. Throws KEY_MISSING, KEY_INVALID. */
export async function openWitnessKey(directory: string, passphrase?: string): Promise<WitnessKey> {
  const path = join(directory, PRIVATE_FILE)
  const publicPath = join(directory, PUBLIC_FILE)
  const pair = await readKeyFile(path, passphrase)
  if (pair === undefined || (await readIfThere(publicPath)) === undefined)
    throw new ToolwardenError('KEY_MISSING', 'there is no witness here', {
      where: path,
      fix: `toolwarden witness init --directory ${directory} --name <host/name>`,
    })
  const verifier = parseVerifierKey((await readFile(publicPath, 'utf8')).trim())
  if (verifier.type !== WITNESS_SIGNATURE || !verifier.publicKey.equals(pair.publicKey))
    throw new ToolwardenError('KEY_INVALID', 'the public key is not that of the private key', { where: publicPath })
  return { name: verifier.name, pair, verifier }
}
