// Files that only their owner may read: keys, tokens. One that others can read is refused, as it may be known to them.
import { readFile, stat } from 'node:fs/promises'
import { systemCode, ToolwardenError } from './errors.ts'
import { type KeyPair, parsePrivateKey } from './keys.ts'

/** The text of a private file; undefined where there is none. Throws KEY_INVALID where others can read it. */
export async function readPrivateFile(path: string): Promise<string | undefined> {
  try {
    const { mode } = await stat(path)
    if ((mode & 0o077) === 0 || process.platform === 'win32') return await readFile(path, 'utf8')
  } catch (error) {
    if (systemCode(error) === 'ENOENT') return undefined
    throw error
  }
  throw new ToolwardenError('KEY_INVALID', 'others can read this file', { where: path, fix: `chmod 600 ${path}` })
}

/** The key in a private file; undefined where there is none. Throws KEY_INVALID. */
export async function readKeyFile(path: string, passphrase?: string): Promise<KeyPair | undefined> {
  const pem = await readPrivateFile(path)
  return pem === undefined ? undefined : parsePrivateKey(pem, path, passphrase)
}
