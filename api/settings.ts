// The `api:` section of toolwarden.yaml: where the API listens, whom it answers, and its limits.
import { z } from 'zod'
import { nameField } from '../events/field.ts'

/** The largest request body, bytes. */
const MAX_BODY_BYTES = 64 * 1024
/** The most items of one page. */
export const MAX_PAGE_SIZE = 500
/** Items of a page whose size is not asked for. */
export const DEFAULT_PAGE_SIZE = 100

/** The most people that own one principal. */
const MAX_OWNERS = 100
const principalPattern = nameField.regex(/^[^*]*\*?$/, 'expected a principal, or how principals begin and a star')

/** The longest time that a timer takes. */
const MAX_TIMER_SECONDS = 2_000_000
const positive = z.number().int().positive()

const limitsObject = z.strictObject({
  bodyBytes: positive.max(16 * 1024 * 1024).default(MAX_BODY_BYTES),
  /** Readers of /v1/stream at once. */
  streamClients: positive.default(32),
  /** The shared window of recent events: a reader that falls behind it is closed as `lagging`. */
  streamEvents: positive.default(2_000),
  streamBytes: positive.default(8 * 1024 * 1024),
  /** How often an idle stream shows that it lives, and a busy one looks at its token again. */
  streamHeartbeatMs: positive.default(15_000),
  /** Wrong tokens a minute from one address, after which more are answered with 429. */
  wrongTokensPerMinute: positive.default(20),
  /** How long a request waits for the log to take a rule. */
  publishDeadlineMs: positive.default(5_000),
  /** How long a stop waits for requests in flight. */
  stopDeadlineMs: positive.default(3_000),
})

/** The form of `api:` in toolwarden.yaml. */
export const apiSettings = z.strictObject({
  host: z.string().min(1).default('127.0.0.1'),
  /** 0 takes any free port. */
  port: z.number().int().min(0).max(65_535).default(8787),
  /** Must be true before the API binds to anything but a loopback address. */
  allowRemote: z.boolean().default(false),
  /** Names, or name:port, under which clients may address the API beside the loopback names. */
  allowedHosts: z.array(z.string().min(1)).default([]),
  /** Origins of web pages, beside the API's own, that may call it: `https://console.example.com`. */
  allowedOrigins: z
    .array(z.string().regex(/^https?:\/\/[^/]+$/, 'expected an origin: scheme, host and port'))
    .default([]),
  approvals: z
    .strictObject({
      /** Whom agents belong to, by principal (`agent:ci`, `agent:ann-*`): nobody approves what an agent of theirs asks for. */
      owners: z.record(principalPattern, z.array(nameField).min(1).max(MAX_OWNERS)).default({}),
    })
    .prefault({}),
  /** The verification of the whole ledger in the background. */
  verification: z
    .strictObject({
      /** After the start. */
      firstSeconds: positive.max(MAX_TIMER_SECONDS).default(60),
      /** After the last one ended; 0 for none at all. */
      everySeconds: z.number().int().nonnegative().max(MAX_TIMER_SECONDS).default(86_400),
      /** Between those, of what grew since: after the last one of either kind ended; 0 for none. */
      growthSeconds: z.number().int().nonnegative().max(MAX_TIMER_SECONDS).default(3_600),
    })
    .prefault({}),
  limits: limitsObject.prefault({}),
})
/** Checked settings of the API. */
export type ApiSettings = z.infer<typeof apiSettings>
/** Checked limits of the API. */
export type ApiLimits = ApiSettings['limits']
