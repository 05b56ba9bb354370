// The `alerts:` part of toolwarden.yaml: whom alerts are sent to. Secrets are never in the file: it names where they are.
import { isAbsolute } from 'node:path'
import { z } from 'zod'
import { nameField } from '../../events/field.ts'

const count = z.number().int().positive()
const fileField = z.string().refine(isAbsolute, 'expected an absolute path')
const variableField = z.string().regex(/^[A-Za-z_][A-Za-z0-9_]*$/, 'expected the name of an environment variable')

/** What the SIEM file is called where destinations are listed; no webhook may be. */
export const SIEM_DESTINATION = 'siem-file'
/** Of a destination: it is part of file names. */
const destinationField = z
  .string()
  .regex(/^[a-z0-9][a-z0-9-]{0,39}$/, 'expected lower-case letters, digits and hyphens')
  .refine((name) => name !== SIEM_DESTINATION, 'the SIEM file is called so')

/** Which alerts a destination is told of. */
const selection = {
  /** Alerts of this severity and above. */
  minSeverity: z.enum(['low', 'medium', 'high', 'critical']).default('low'),
  /** Of these detectors alone. */
  detectors: z.array(nameField).min(1).max(100).optional(),
  /** Whether it is told when an operator acknowledges or closes an alert. */
  updates: z.boolean().default(true),
}

const webhookObject = z
  .strictObject({
    name: destinationField,
    /** Where the address is no secret; a Slack address is one. */
    url: z.url({ protocol: /^https?$/ }).optional(),
    urlEnv: variableField.optional(),
    urlFile: fileField.optional(),
    format: z.enum(['standard', 'slack']).default('standard'),
    /** Where the signing secret is (`whsec_…`); while it is changed there may be two, one a line. */
    secretEnv: variableField.optional(),
    secretFile: fileField.optional(),
    ...selection,
    timeoutMs: count.max(60_000).default(10_000),
    /** After so many failures a message is a dead letter. */
    attempts: count.max(20).default(8),
  })
  .refine(({ url, urlEnv, urlFile }) => [url, urlEnv, urlFile].filter((each) => each !== undefined).length === 1, {
    message: 'expected one of url, urlEnv and urlFile',
  })
  .refine(
    ({ format, secretEnv, secretFile }) =>
      (secretEnv === undefined) !== (secretFile === undefined) || (format === 'slack' && secretEnv === undefined),
    {
      message: 'expected one of secretEnv and secretFile (a webhook in Slack format may do without)',
    },
  )

/** The form of `alerts:`. */
export const alertSettings = z
  .strictObject({
    webhooks: z.array(webhookObject).max(10).default([]),
    /** OCSF Detection Findings, one JSON object a line. */
    siem: z
      .strictObject({
        file: fileField,
        ...selection,
        /** Beyond it the file is put aside as `<file>.1`. */
        maxBytes: count.min(4_096).default(64 * 1024 * 1024),
        /** How many that were put aside are kept. */
        keepFiles: count.max(100).default(5),
      })
      .optional(),
  })
  .refine(({ webhooks }) => new Set(webhooks.map(({ name }) => name)).size === webhooks.length, {
    message: 'two webhooks have the same name',
    path: ['webhooks'],
  })

/** Checked settings of the delivery. */
export type AlertSettings = z.infer<typeof alertSettings>
/** Checked settings of one webhook. */
export type WebhookSettings = AlertSettings['webhooks'][number]
/** Which alerts a destination is told of. */
export type AlertSelection = Pick<WebhookSettings, 'minSeverity' | 'detectors' | 'updates'>
