// What `wrap` did to a file, kept beside it until `unwrap`: digests of both texts, and each entry before and after.
import { z } from 'zod'
import { ToolwardenError } from '../../events/errors.ts'

const wrapRecord = z.strictObject({
  version: z.literal(1),
  /** SHA-256 of the file's bytes before and after. */
  originalSha256: z.string(),
  wrappedSha256: z.string(),
  entries: z.array(z.strictObject({ path: z.array(z.string()), original: z.string(), wrapped: z.string() })),
})

/** The checked record. */
export type WrapRecord = z.infer<typeof wrapRecord>

/** Reads a record. Throws CONFIG_INVALID naming the file. */
export function parseWrapRecord(text: string, where: string): WrapRecord {
  try {
    return wrapRecord.parse(JSON.parse(text))
  } catch {
    // The cause is left out: a parser quotes what it read, and entries hold secrets.
    throw new ToolwardenError('CONFIG_INVALID', 'the record of a wrapped file is damaged', {
      where,
      fix: 'put the file back from its .toolwarden-backup and remove this record',
    })
  }
}
