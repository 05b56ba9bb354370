// The schemas of what an enrolment key says (enrolment.ts).
import { z } from 'zod'
import { publicKeyField, signatureField } from './field.ts'

/** Whose key a long-lived key is: `role/name`, or `role/*` for every writer of that role. */
export const keyHolderField = z
  .string()
  .regex(/^(gateway|detectors|api|ledger)\/(\*|[A-Za-z0-9][A-Za-z0-9._@-]{0,63})$/, 'expected role/name or role/*')

/** The enrolment key's signature over one statement. */
export const enrolmentField = z.strictObject({ publicKey: publicKeyField, signature: signatureField })
