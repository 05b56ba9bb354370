// What is posted to a webhook: a body and headers after Standard Webhooks (github.com/standard-webhooks/standard-webhooks,
// spec 1.0), or a message in the form of Slack's incoming webhooks. Pure.
import { createHmac } from 'node:crypto'
import { ToolwardenError } from '../../events/errors.ts'
import { visible, visibleJson } from '../../events/visible.ts'
import type { AlertNotice } from './alert-notice.ts'

const SECRET_PREFIX = 'whsec_'
/** The spec's bounds of a secret, bytes. */
const MIN_SECRET_BYTES = 24
const MAX_SECRET_BYTES = 64
/** While a secret is changed, receivers may know either. */
const MAX_SECRETS = 2

/** A body with the headers that belong to it. */
export interface WebhookMessage {
  readonly body: string
  readonly headers: Readonly<Record<string, string>>
}

/** The keys of secrets, one a line. Throws KEY_INVALID, which never quotes them. */
export function parseSecrets(text: string, where: string): readonly Buffer[] {
  const lines = text.split('\n').flatMap((line) => (line.trim() === '' ? [] : [line.trim()]))
  const keys = lines.map((line) => {
    const encoded = line.startsWith(SECRET_PREFIX) ? line.slice(SECRET_PREFIX.length) : ''
    const key = Buffer.from(encoded, 'base64')
    const isWhole = key.toString('base64').replace(/=+$/, '') === encoded.replace(/=+$/, '')
    return isWhole && key.length >= MIN_SECRET_BYTES && key.length <= MAX_SECRET_BYTES ? key : undefined
  })
  const valid = keys.flatMap((key) => key ?? [])
  if (valid.length === keys.length && valid.length > 0 && valid.length <= MAX_SECRETS) return valid
  throw new ToolwardenError('KEY_INVALID', 'not a signing secret of a webhook, nor two of them', {
    where,
    fix: `write whsec_ and ${MIN_SECRET_BYTES} to ${MAX_SECRET_BYTES} bytes in base64: echo "whsec_$(openssl rand -base64 32)"`,
  })
}

/** The value of `webhook-signature`: one signature a key, separated by spaces. */
export function signWebhook(
  { id, timestampSeconds, body }: { readonly id: string; readonly timestampSeconds: number; readonly body: string },
  keys: readonly Buffer[],
): string {
  const content = `${id}.${timestampSeconds}.${body}`
  return keys.map((key) => `v1,${createHmac('sha256', key).update(content).digest('base64')}`).join(' ')
}

/** A message after Standard Webhooks: `id` stays the same however often it is sent, time and signature are of this attempt. */
export function standardMessage(
  notice: AlertNotice,
  keys: readonly Buffer[],
  timestampSeconds: number,
): WebhookMessage {
  const { type, time, ...data } = notice
  const id = `msg_${notice.id}`
  const body = visibleJson({ type, timestamp: time, data })
  const signature = signWebhook({ id, timestampSeconds, body }, keys)
  return {
    body,
    headers: {
      'content-type': 'application/json',
      'webhook-id': id,
      'webhook-timestamp': String(timestampSeconds),
      'webhook-signature': signature,
    },
  }
}

/** A message in Slack's form; its text can't address anybody, make a link, look like another line or be formatted. */
export function slackMessage(notice: AlertNotice): WebhookMessage {
  const headers = { 'content-type': 'application/json' }
  return { body: visibleJson({ text: toText(notice) }), headers }
}

function toText(notice: AlertNotice): string {
  const id = notice.alert.slice(0, 12)
  if (notice.type === 'alert.updated')
    return `Alert ${id} was ${notice.state} by ${quoted(notice.by)}: ${quoted(notice.reason)}`
  const { severity, detector, explanation, principal, server, tool, rule } = notice
  const about = [principal, server, tool].filter((each) => each !== undefined).join(', ')
  const done = rule === undefined ? 'No rule was set.' : 'A rule was set.'
  const who = about === '' ? '' : ` (${quoted(about)})`
  return `[${severity}] ${quoted(detector)}${who}: ${quoted(explanation)} ${done} Alert ${id}.`
}

/**
 * Words of agents, servers and people, as code: there Slack makes no link of an address and no format of signs, and what takes
 * the same messages (Mattermost) mentions nobody. The three characters that Slack reads as its own everywhere are entities:
 * https://docs.slack.dev/messaging/formatting-message-text
 */
function quoted(text: string): string {
  const plain = visible(text).replaceAll('`', "'").trim()
  return `\`${plain.replaceAll('&', '&amp;').replaceAll('<', '&lt;').replaceAll('>', '&gt;')}\``
}
