// One look at a segment file: its size, and the bytes from a place on. No handle is kept, so any number of chains
// can be followed and files can be removed by retention at any time.
import { constants } from 'node:fs'
import { open } from 'node:fs/promises'
import { systemCode } from './errors.ts'
import { MAX_FRAME_BYTES } from './file-log-frame.ts'

/** What stood in a segment file from a place on. */
export interface SegmentLook {
  readonly size: number
  readonly mtimeMs: number
  readonly bytes: Buffer
}

/** Always enough for one whole frame. */
const LOOK_BYTES = 2 * MAX_FRAME_BYTES

/** A FIFO in the place of a segment would hold its reader, and a link would lead it elsewhere. */
const READ_FLAGS = constants.O_RDONLY | constants.O_NONBLOCK | constants.O_NOFOLLOW

/** Reads at most `maxBytes` from `byte` on; undefined when there is no such file, or something that is no segment file. */
export async function lookAt(path: string, byte: number, maxBytes = LOOK_BYTES): Promise<SegmentLook | undefined> {
  const handle = await open(path, READ_FLAGS).catch((error: unknown) => {
    if (['ENOENT', 'ELOOP', 'ENXIO'].includes(systemCode(error) ?? '')) return undefined
    throw error
  })
  if (handle === undefined) return undefined
  try {
    const found = await handle.stat()
    if (!found.isFile()) return undefined
    const { size, mtimeMs } = found
    const wanted = Math.min(Math.max(0, size - byte), maxBytes)
    const buffer = Buffer.allocUnsafe(wanted)
    let filled = 0
    while (filled < wanted) {
      const { bytesRead } = await handle.read(buffer, filled, wanted - filled, byte + filled)
      // The writer cut an unacknowledged end off meanwhile.
      if (bytesRead === 0) break
      filled += bytesRead
    }
    return { size, mtimeMs, bytes: buffer.subarray(0, filled) }
  } finally {
    await handle.close()
  }
}
