// Tells a SIEM through a file that its collector follows: OCSF Detection Findings, one JSON object a line, 0600. Beyond a size
// the file is put aside under a number; the oldest of those goes. One process writes it.
import { appendFile, mkdir, open, rename } from 'node:fs/promises'
import { dirname } from 'node:path'
import { systemCode } from '../../events/errors.ts'
import { visibleJson } from '../../events/visible.ts'
import type { AlertNotice } from './alert-notice.ts'
import type { Attempt, Destination } from './destination.ts'
import { type OcsfProduct, toOcsf } from './ocsf.ts'
import { type AlertSettings, SIEM_DESTINATION } from './settings.ts'

/** A disk that is full is tried for days. */
const ATTEMPTS = 20

/** Makes the destination. */
export function createSiemFile(settings: NonNullable<AlertSettings['siem']>, product: OcsfProduct): Destination {
  return {
    name: SIEM_DESTINATION,
    selection: settings,
    attempts: ATTEMPTS,
    send: async (notice) => await append(notice, settings, product),
  }
}

async function append(
  notice: AlertNotice,
  { file, maxBytes, keepFiles }: NonNullable<AlertSettings['siem']>,
  product: OcsfProduct,
): Promise<Attempt> {
  const line = `${visibleJson(toOcsf(notice, product))}\n`
  try {
    await mkdir(dirname(file), { recursive: true, mode: 0o700 })
    const { size, isTorn } = await findEnd(file)
    const isFull = size > 0 && size + Buffer.byteLength(line) > maxBytes
    if (isFull) await putAside(file, keepFiles)
    await appendFile(file, isTorn && !isFull ? `\n${line}` : line, { mode: 0o600, flush: true })
    return { type: 'delivered' }
  } catch (error) {
    return { type: 'failed', reason: `the file can't be written (${systemCode(error) ?? 'unknown error'})` }
  }
}

/** `file` becomes `file.1`, that one `file.2`, and the last is written over. */
async function putAside(file: string, keepFiles: number): Promise<void> {
  for (let number = keepFiles - 1; number >= 0; number--) {
    const from = number === 0 ? file : `${file}.${number}`
    try {
      await rename(from, `${file}.${number + 1}`)
    } catch (error) {
      if (systemCode(error) !== 'ENOENT') throw error
    }
  }
}

/** Its size, and whether a crash left half a line at its end. */
async function findEnd(file: string): Promise<{ readonly size: number; readonly isTorn: boolean }> {
  try {
    const handle = await open(file, 'r')
    try {
      const { size } = await handle.stat()
      const { buffer } = await handle.read(Buffer.alloc(1), 0, 1, Math.max(0, size - 1))
      return { size, isTorn: size > 0 && buffer.toString() !== '\n' }
    } finally {
      await handle.close()
    }
  } catch (error) {
    if (systemCode(error) === 'ENOENT') return { size: 0, isTorn: false }
    throw error
  }
}
