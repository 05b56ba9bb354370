// The `gateway:` section of toolwarden.yaml.
import { isAbsolute } from 'node:path'
import { z } from 'zod'
import { MAX_MARKER_PHRASE_LENGTH, MAX_MARKER_PHRASES } from '../events/instruction-markers.ts'
import { MAX_PAYLOAD_BYTES } from '../events/record.ts'
import { isPublicMail } from '../events/signal-text.ts'
import { MAX_SPOOL_BYTES } from '../events/spool.ts'
import { httpSettings, upstreamSettings } from './http/settings.ts'
import { findReplacementProblem } from './policy/linear-pattern.ts'
import { MAX_REDACT_PATTERNS } from './redactor.ts'

function checkPattern(pattern: string, context: z.RefinementCtx): void {
  const problem = findReplacementProblem(pattern)
  if (problem !== undefined) context.addIssue({ code: 'custom', message: problem })
}

const choice = z.enum(['full', 'redacted', 'commitment'])

const MAX_OWN_DOMAINS = 100
const domain = z
  .string()
  .regex(/^[a-z0-9-]{1,63}(?:\.[a-z0-9-]{1,63}){1,8}$/, 'expected a domain in lower case, as firm.example')
  .refine((name) => !isPublicMail(name), 'anybody can have an address there')

/** The form of `gateway:` in toolwarden.yaml. */
export const gatewaySettings = z.strictObject({
  /** What is recorded of payloads; the rest is committed to. */
  record: z
    .strictObject({
      arguments: choice.default('redacted'),
      results: choice.default('commitment'),
      maxBytes: z
        .number()
        .int()
        .min(0)
        .max(MAX_PAYLOAD_BYTES - 32)
        .default(64 * 1024),
      /** What is taken out beside well-known secrets: RE2 patterns, looked for anywhere in the JSON text. */
      redact: z.array(z.string().superRefine(checkPattern)).max(MAX_REDACT_PATTERNS).default([]),
    })
    .prefault({}),
  /** Domains whose addresses and hosts are the deployment's own: what goes there leaves nothing. */
  ownDomains: z.array(domain).max(MAX_OWN_DOMAINS).default([]),
  /** Phrases that count as addressing an agent, beside those that always do (events/instruction-markers.ts). */
  instructionPhrases: z
    .array(z.string().trim().min(8).max(MAX_MARKER_PHRASE_LENGTH))
    .max(MAX_MARKER_PHRASES)
    .default([]),
  control: z
    .strictObject({
      /** Deny while control is stale; unless told, with Kafka yes, embedded no. */
      required: z.boolean().optional(),
      /** Whose `control/state` must be fresh. */
      writers: z.array(z.string()).default(['detectors/main']),
      maxAgeMs: z.number().int().min(3_000).default(10_000),
      /** How long a risky call waits for the verdict on what its session was just told; then it needs approval. 0: never. */
      holdMs: z.number().int().min(0).max(2_000).default(300),
    })
    .prefault({}),
  spool: z
    .strictObject({
      /** Absolute; unless told, `spool` in the data directory. */
      directory: z.string().refine(isAbsolute, 'expected an absolute path').optional(),
      /** Of one run; beyond, answers wait for the log. */
      maxBytes: z.number().int().min(0).default(MAX_SPOOL_BYTES),
    })
    .prefault({}),
  http: httpSettings.prefault({}),
  upstreams: upstreamSettings.default({}),
})
