// Random bytes in small pieces: the system's generator is asked for many at once, since asking costs more than the bytes.
import { randomFillSync } from 'node:crypto'

const POOL_BYTES = 4_096

let pool = Buffer.alloc(0)
let used = 0

/** Random bytes from the system's generator, at most 4,096; no byte is ever given twice. */
export function randomPiece(size: number): Buffer {
  if (used + size > pool.length) {
    // A new one each time: pieces of the old one are still in use.
    pool = randomFillSync(Buffer.allocUnsafeSlow(POOL_BYTES))
    used = 0
  }
  used += size
  return pool.subarray(used - size, used)
}
