// The schema of trusted keys, in configuration and installations (trust.ts).
import { z } from 'zod'
import { keyHolderField } from './enrolment-field.ts'
import { publicKeyField } from './field.ts'

/** The form of `trust:` in toolwarden.yaml and of an installation's trust file. */
export const trustSettings = z.array(
  z.strictObject({
    writer: keyHolderField,
    key: publicKeyField,
  }),
)
