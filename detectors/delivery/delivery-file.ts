// The saved state of the delivery: how far the log was read, and what was not delivered yet, in one file, so that both are
// of one moment. What happened since the last save happens again after a crash: receivers are told twice, never not at all.
import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { z } from 'zod'
import { writeDurably } from '../../events/durable-file.ts'
import { systemCode, ToolwardenError } from '../../events/errors.ts'
import { chainBookSchema } from '../chain-book.ts'
import type { AlertNotice } from './alert-notice.ts'

const FILE_NAME = 'deliveries.json'
const FORMAT = 1

/** A notice on its way to one destination. */
export interface PendingNotice {
  readonly notice: AlertNotice
  /** How often it failed. */
  readonly failures: number
  /** Not before this time, milliseconds since 1970. */
  readonly nextAtMs: number
}

const pendingSchema = z.strictObject({
  notice: z.custom<AlertNotice>((value) => typeof value === 'object' && value !== null && 'id' in value),
  failures: z.number().int(),
  nextAtMs: z.number(),
})
const stateSchema = z.strictObject({
  format: z.literal(FORMAT),
  log: z.string(),
  /** What the log took before this time, milliseconds since 1970, is not told: nobody had asked for it. */
  sinceMs: z.number(),
  book: chainBookSchema,
  pending: z.record(z.string(), z.array(pendingSchema)),
})

/** What is saved. */
export type DeliveryState = z.infer<typeof stateSchema>

/** The saved state in a directory; undefined at the first start. Throws STORE_INVALID for a file of something else. */
export async function loadDeliveryState(directory: string, log: string): Promise<DeliveryState | undefined> {
  const where = join(directory, FILE_NAME)
  try {
    const state = stateSchema.parse(JSON.parse(await readFile(where, 'utf8')))
    if (state.log === log) return state
  } catch (error) {
    if (systemCode(error) === 'ENOENT') return undefined
    if (!(error instanceof z.ZodError || error instanceof SyntaxError)) throw error
  }
  throw new ToolwardenError('STORE_INVALID', `the file is not the state of deliveries of the log ${log}`, {
    where,
    fix: 'put it aside: alerts are then told from now on',
  })
}

/** Saves the state; durable when it resolves. */
export async function saveDeliveryState(directory: string, state: Omit<DeliveryState, 'format'>): Promise<void> {
  await writeDurably(join(directory, FILE_NAME), JSON.stringify({ format: FORMAT, ...state }))
}
