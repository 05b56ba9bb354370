// What a `ledger/ingested` event says of the rows it announces: a digest over each message's place, hash and signature.
// Pure. The outcome is left out: a second consumer calls duplicate what the first accepted.
import { createHash } from 'node:crypto'

/** What the digest covers of one row. */
export interface DigestedRow {
  readonly offset: number
  readonly hash: string
  readonly signature: string
}

/** SHA-256 in hex over the rows of one partition, in order of their offsets. */
export function rangeDigest(rows: readonly DigestedRow[]): string {
  const digest = createHash('sha256')
  for (const { offset, hash, signature } of rows) digest.update(`${offset} ${hash} ${signature}\n`)
  return digest.digest('hex')
}
