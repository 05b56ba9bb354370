// Reads the API's live stream (server-sent events, WHATWG HTML section 9.2) with a token in a header.
import { ToolwardenError } from '../events/errors.ts'
import type { Event } from '../events/event.ts'

/** One message of the stream. */
export interface StreamedEvent {
  readonly event: Event
  readonly hash: string
  readonly chain: string
}

/** Follows the stream until `signal` aborts. Throws UNAUTHORIZED, LOG_UNAVAILABLE. */
export async function* followStream(
  url: string,
  options: { readonly token: string; readonly types: string; readonly signal: AbortSignal },
): AsyncGenerator<StreamedEvent> {
  const response = await fetch(new URL(`/v1/stream?types=${options.types}`, url), {
    headers: { authorization: `Bearer ${options.token}` },
    signal: options.signal,
  })
  if (!response.ok || response.body === null)
    throw new ToolwardenError('UNAUTHORIZED', `the stream answered ${response.status}`, { where: url })
  let rest = ''
  const decoder = new TextDecoder()
  for await (const chunk of response.body) {
    rest += decoder.decode(chunk as Uint8Array, { stream: true })
    const messages = rest.split('\n\n')
    rest = messages.pop() ?? ''
    yield* messages.flatMap(parseMessage)
  }
}

function parseMessage(message: string): readonly StreamedEvent[] {
  const fields = message.split('\n').map((line) => /^(event|data): ?(.*)$/.exec(line))
  const value = (name: string): string =>
    fields
      .filter((field) => field?.[1] === name)
      .map((field) => field?.[2] ?? '')
      .join('\n')
  return value('event').includes('/') ? [JSON.parse(value('data')) as StreamedEvent] : []
}
