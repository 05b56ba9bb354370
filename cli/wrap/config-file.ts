// A client's configuration file on disk: read whole, replaced whole (written aside, synced, renamed), never half written,
// and not over what somebody else wrote meanwhile.
import { randomUUID } from 'node:crypto'
import { open, readFile, realpath, rename, rm, stat } from 'node:fs/promises'
import { dirname } from 'node:path'
import { systemCode, ToolwardenError } from '../../events/errors.ts'

const MAX_FILE_BYTES = 64 * 1024 * 1024
const PRIVATE_MODE = 0o600

/** A file as it was read. */
export interface ConfigFile {
  /** Where it really is, behind links. */
  readonly path: string
  readonly text: string
  readonly mode: number
}

/** Reads a file; undefined where there is none. Throws CONFIG_INVALID where it can't be read or is no UTF-8. */
export async function findConfigFile(path: string): Promise<ConfigFile | undefined> {
  try {
    const real = await realpath(path)
    const { mode, size } = await stat(real)
    if (size > MAX_FILE_BYTES) throw new TypeError(`it has more than ${MAX_FILE_BYTES} bytes`)
    const text = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true }).decode(await readFile(real))
    return { path: real, text, mode: mode & 0o7777 }
  } catch (cause) {
    const code = systemCode(cause)
    if (code === 'ENOENT' || code === 'ENOTDIR') return undefined
    const why = code ?? (cause instanceof Error ? cause.message : 'unknown reason')
    throw new ToolwardenError('CONFIG_INVALID', `the file cannot be read: ${why}`, { where: path, cause })
  }
}

/** Replaces a file, keeping its mode; durable when it resolves. Throws CONFIG_INVALID where it was changed since it was read. */
export async function replaceConfigFile(file: ConfigFile, text: string): Promise<void> {
  const now = await findConfigFile(file.path)
  if (now?.text !== file.text)
    throw new ToolwardenError('CONFIG_INVALID', 'the file was changed at the same moment', {
      where: file.path,
      fix: 'end the client that writes it, then again',
    })
  await writeWhole(file.path, text, file.mode)
}

/** Writes a file that only its owner can read; durable when it resolves. */
export async function writePrivately(path: string, text: string): Promise<void> {
  await writeWhole(path, text, PRIVATE_MODE)
}

/** Removes files; those that are not there are no error. */
export async function removeFiles(paths: readonly string[]): Promise<void> {
  for (const path of paths) await rm(path, { force: true })
}

async function writeWhole(path: string, text: string, mode: number): Promise<void> {
  // A name that nobody can guess, and made exclusively: in a project an agent could have put a link there.
  const aside = `${path}.${randomUUID()}.new`
  try {
    const handle = await open(aside, 'wx', PRIVATE_MODE)
    try {
      await handle.chmod(mode)
      await handle.writeFile(text)
      await handle.sync()
    } finally {
      await handle.close()
    }
    await rename(aside, path)
    await syncDirectory(dirname(path))
  } catch (cause) {
    await rm(aside, { force: true })
    throw new ToolwardenError(
      'CONFIG_INVALID',
      `the file cannot be written: ${systemCode(cause) ?? 'unknown reason'}`,
      {
        where: path,
        fix: 'make the file and its directory writable for you',
        cause,
      },
    )
  }
}

async function syncDirectory(path: string): Promise<void> {
  if (process.platform === 'win32') return
  const handle = await open(path, 'r')
  try {
    await handle.sync()
  } finally {
    await handle.close()
  }
}
