// Tells a webhook. Its answers are not believed: no redirect is followed, only the status counts, times and sizes have
// limits; and what is said of a failure never holds the URL's path, which may be a secret (Slack's is).
import { request as requestPlain } from 'node:http'
import { request } from 'node:https'
import { systemCode, ToolwardenError } from '../../events/errors.ts'
import type { AlertNotice } from './alert-notice.ts'
import type { Attempt, Destination } from './destination.ts'
import { findUrlProblem, safeLookup } from './safe-address.ts'
import type { WebhookSettings } from './settings.ts'
import { slackMessage, standardMessage, type WebhookMessage } from './webhook-message.ts'

/** What is read of an answer before the connection is dropped, bytes; nothing of it is kept. */
const MAX_ANSWER_BYTES = 16 * 1024
/** The longest that a webhook may ask to be left alone. */
const MAX_RETRY_AFTER_MS = 60 * 60 * 1000

/** What a webhook is made of, its secrets read. */
export interface WebhookOptions {
  readonly settings: WebhookSettings
  readonly url: string
  /** Empty where nothing is signed (Slack's form). */
  readonly secrets: readonly Buffer[]
  /** For `user-agent`. */
  readonly software: string
}

/** Makes the destination. Throws CONFIG_INVALID for a URL that no webhook can have. */
export function createWebhook({ settings, url: text, secrets, software }: WebhookOptions): Destination {
  const { name, format, timeoutMs, attempts } = settings
  const url = parseUrl(text, name)
  return {
    name,
    selection: settings,
    attempts,
    send: async (notice, nowMs) => {
      const message = toMessage(notice, { format, secrets, nowMs })
      return await post(url, { message, timeoutMs, software })
    },
  }
}

function parseUrl(text: string, name: string): URL {
  const url = URL.canParse(text) ? new URL(text) : undefined
  const problem = url === undefined ? 'not a URL' : findUrlProblem(url)
  if (url !== undefined && problem === undefined) return url
  // The URL itself is not quoted: it may be a secret.
  throw new ToolwardenError('CONFIG_INVALID', `the URL of the webhook is not valid: ${problem}`, {
    where: `alerts.webhooks ${name}`,
    fix: 'name an https URL, or http on this machine',
  })
}

function toMessage(
  notice: AlertNotice,
  {
    format,
    secrets,
    nowMs,
  }: { readonly format: 'standard' | 'slack'; readonly secrets: readonly Buffer[]; readonly nowMs: number },
): WebhookMessage {
  return format === 'slack' ? slackMessage(notice) : standardMessage(notice, secrets, Math.floor(nowMs / 1000))
}

interface Posting {
  readonly message: WebhookMessage
  readonly timeoutMs: number
  readonly software: string
}

function post(url: URL, { message, timeoutMs, software }: Posting): Promise<Attempt> {
  const { promise, resolve } = withResolver<Attempt>()
  const send = url.protocol === 'https:' ? request : requestPlain
  const outgoing = send(url, {
    method: 'POST',
    headers: { ...message.headers, 'content-length': Buffer.byteLength(message.body), 'user-agent': software },
    lookup: safeLookup(url.protocol),
    agent: false,
    signal: AbortSignal.timeout(timeoutMs),
  })
  outgoing.on('error', (error) => resolve({ type: 'failed', reason: reasonOf(error, timeoutMs) }))
  outgoing.on('response', (response) => {
    let bytes = 0
    // The status is all that counts; the rest is read so far that an ordinary answer ends in peace.
    response.on('data', (chunk: Buffer) => {
      bytes += chunk.length
      if (bytes > MAX_ANSWER_BYTES) response.destroy()
    })
    response.on('error', () => outgoing.destroy())
    resolve(toAttempt(response.statusCode ?? 0, response.headers['retry-after']))
  })
  outgoing.end(message.body)
  return promise
}

function withResolver<Value>(): { readonly promise: Promise<Value>; readonly resolve: (value: Value) => void } {
  let resolve: (value: Value) => void = () => undefined
  const promise = new Promise<Value>((each) => {
    resolve = each
  })
  return { promise, resolve }
}

function toAttempt(status: number, retryAfter: string | undefined): Attempt {
  if (status >= 200 && status < 300) return { type: 'delivered' }
  const reason =
    status >= 300 && status < 400 ? `it answered ${status}; redirects are not followed` : `it answered ${status}`
  // The spec has a receiver say so that it is gone for good.
  if (status === 410) return { type: 'failed', reason, isFinal: true }
  const seconds = /^\d{1,9}$/.test(retryAfter ?? '') ? Number(retryAfter) : undefined
  if (seconds === undefined) return { type: 'failed', reason }
  return { type: 'failed', reason, retryAfterMs: Math.min(seconds * 1000, MAX_RETRY_AFTER_MS) }
}

function reasonOf(error: Error, timeoutMs: number): string {
  if (error.name === 'AbortError' || error.name === 'TimeoutError') return `no answer within ${timeoutMs} ms`
  return systemCode(error) ?? error.message
}
