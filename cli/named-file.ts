// A file that the user named on the command line.
import { readFile } from 'node:fs/promises'
import { systemCode, ToolwardenError } from '../events/errors.ts'

/** Its bytes. Throws CONFIG_INVALID where it can't be read. */
export async function readNamedFile(path: string): Promise<Buffer> {
  try {
    return await readFile(path)
  } catch (cause) {
    throw new ToolwardenError('CONFIG_INVALID', `the file can't be read: ${systemCode(cause) ?? 'unknown reason'}`, {
      where: path,
      cause,
    })
  }
}
