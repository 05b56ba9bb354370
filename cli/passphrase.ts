// The passphrase of private keys: from the environment, or from a file that it names (a mounted secret). Read once, and
// never shown. Without one, keys are in the clear in 0600 files.

import { ToolwardenError } from '../events/errors.ts'
import { readPrivateFile } from '../events/private-file.ts'

const VARIABLE = 'TOOLWARDEN_KEY_PASSPHRASE'
const FILE_VARIABLE = 'TOOLWARDEN_KEY_PASSPHRASE_FILE'

/** The passphrase; undefined where none is set. Throws KEY_MISSING, KEY_INVALID for a file that is not there or not private. */
export async function findPassphrase(environment: NodeJS.ProcessEnv): Promise<string | undefined> {
  const { [VARIABLE]: passphrase, [FILE_VARIABLE]: file } = environment
  if (passphrase !== undefined && passphrase !== '') return passphrase
  if (file === undefined || file === '') return undefined
  const text = (await readPrivateFile(file))?.replace(/\r?\n$/, '')
  if (text !== undefined && text !== '') return text
  throw new ToolwardenError('KEY_MISSING', 'the file with the passphrase is empty or not there', {
    where: FILE_VARIABLE,
    fix: 'name a file (0600) that holds it on one line',
  })
}
