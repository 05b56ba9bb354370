// The `ledger:` section of toolwarden.yaml: which witnesses cosign the Merkle log, and how many of them it takes.
import { z } from 'zod'
import { ToolwardenError } from '../events/errors.ts'
import { parseVerifierKey, WITNESS_SIGNATURE } from './note.ts'

/** The most witnesses of one ledger: all are asked for every checkpoint. */
const MAX_WITNESSES = 32

const witnessObject = z.strictObject({
  /** The submission prefix: `/add-checkpoint` is below it. */
  url: z
    .url({ protocol: /^https?$/ })
    .refine((url) => !/[?#]|^\w+:\/\/[^/]*@/.test(url), 'a URL without user, query and fragment')
    .transform((url) => url.replace(/\/+$/, '')),
  vkey: z.string().transform((text, context) => {
    try {
      const key = parseVerifierKey(text)
      if (key.type === WITNESS_SIGNATURE) return key
      context.addIssue('the key of a log, not of a witness')
    } catch (error) {
      if (!(error instanceof ToolwardenError)) throw error
      context.addIssue(error.message)
    }
    return z.NEVER
  }),
})
/** One witness: where it is, and the key that its cosignatures are checked with. */
export type WitnessSettings = z.output<typeof witnessObject>

/** The form of `ledger:` in toolwarden.yaml. */
export const ledgerSettings = z
  .strictObject({
    witnesses: z.array(witnessObject).max(MAX_WITNESSES).default([]),
    /** How many witnesses make a quorum; all unless told. */
    quorum: z.number().int().positive().optional(),
  })
  .refine(({ witnesses, quorum = 0 }) => quorum <= witnesses.length, {
    path: ['quorum'],
    message: 'more than there are witnesses',
  })
  .refine(
    ({ witnesses }) => new Set(witnesses.map(({ vkey }) => vkey.publicKey.toString('hex'))).size === witnesses.length,
    {
      path: ['witnesses'],
      message: 'one witness is listed twice',
    },
  )
/** The form of `retention:` in toolwarden.yaml: how long what is recorded is kept. */
export const retentionSettings = z.strictObject({
  /** Whole months before the present one that stay in the ledger; all unless told. */
  months: z.number().int().min(1).max(1_200).optional(),
  /** Days for which the embedded event log keeps what its readers have read. */
  logDays: z.number().int().min(1).max(36_500).default(30),
})
/** Checked settings of the ledger. */
export type LedgerSettings = z.output<typeof ledgerSettings>
