// Files that appear whole or not at all, and are still there after a power cut: written aside, synced, renamed, and the
// directory synced. One writer a file.
import { mkdir, open, readFile, rename, writeFile } from 'node:fs/promises'
import { dirname, relative, sep } from 'node:path'
import { systemCode } from './errors.ts'

/** Writes a file (0600) and makes its directories (0700); resolves when it is durable. Throws what the system says. */
export async function writeDurably(path: string, bytes: Uint8Array | string | AsyncIterable<string>): Promise<void> {
  const folder = dirname(path)
  const firstMade = await mkdir(folder, { recursive: true, mode: 0o700 })
  const aside = `${path}.new`
  await writeFile(aside, bytes, { mode: 0o600, flush: true })
  await rename(aside, path)
  await syncDirectory(folder)
  // A new directory is itself an entry of the one above it.
  if (firstMade === undefined) return
  const above = dirname(firstMade)
  const steps = relative(above, folder).split(sep).length
  for (let at = folder, step = 0; step < steps; step++) {
    at = dirname(at)
    await syncDirectory(at)
  }
}

/** The bytes of a file; undefined where there is none. */
export async function readIfThere(path: string): Promise<Buffer | undefined> {
  try {
    return await readFile(path)
  } catch (error) {
    if (systemCode(error) === 'ENOENT' || systemCode(error) === 'ENOTDIR') return undefined
    throw error
  }
}

async function syncDirectory(path: string): Promise<void> {
  const handle = await open(path, 'r')
  try {
    await handle.sync()
  } finally {
    await handle.close()
  }
}
