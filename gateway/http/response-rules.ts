// What of an upstream's response is kept from the client: whatever would lead it round the gateway, or could not be read
// here as it is read there. And how the messages in a body are framed.
import { findHeader, type HeaderList, headerValues } from './headers.ts'

/** How messages stand in a body: one JSON text, server-sent events, one a line; `opaque` is none that a client reads. */
export type Framing = 'json' | 'events' | 'lines' | 'opaque'

/** Fields of a response that name another place to speak to. */
const LEADS_AWAY = ['refresh', 'alt-svc', 'upgrade']

const CHARSET = /charset[ \t]*=[ \t]*["']?([^;"' \t,]*)/i
const UTF8_NAMES: ReadonlySet<string> = new Set(['utf-8', 'utf8', 'us-ascii', 'ascii'])

/** Finds why a response does not reach the client. `dropped` fields are taken out instead. */
export function findResponseProblem(
  status: number,
  headers: HeaderList,
  dropped: ReadonlySet<string>,
): string | undefined {
  if (status < 200) return `the server answered with status ${status}`
  if (status >= 300 && status < 400) return 'the server answered with a redirect'
  const away = LEADS_AWAY.find((name) => !dropped.has(name) && findHeader(headers, name) !== undefined)
  if (away !== undefined) return `the server answered with the field ${away}, which leads elsewhere`
  if (headerValues(headers, 'content-encoding').some((coding) => coding.toLowerCase() !== 'identity'))
    return 'the server compressed its answer although it was not asked to'
  for (const name of ['content-type', 'mcp-session-id'])
    if (headerValues(headers, name).length > 1) return `the server answered with two fields ${name}`
  const framing = framingOf(headers)
  if (framing === undefined) return "the content type of the server's answer can be read in two ways"
  // Some clients read events in the character set that the field names: an answer in UTF-7 would be text here.
  const charset = CHARSET.exec(findHeader(headers, 'content-type') ?? '')?.[1]?.toLowerCase()
  const isPlain = charset === undefined || framing === 'opaque' || UTF8_NAMES.has(charset)
  return isPlain ? undefined : `the server answered in the character set ${charset.slice(0, 40)}`
}

/** The framing of a body; undefined where clients, which look for words in the content type, would not agree. */
export function framingOf(headers: HeaderList): Framing | undefined {
  const type = (findHeader(headers, 'content-type') ?? '').toLowerCase()
  const isJson = type.includes('application/json')
  const isEvents = type.includes('text/event-stream')
  if (isJson && isEvents) return undefined
  if (isEvents) return 'events'
  if (/\b(?:x-)?(?:ndjson|jsonl|jsonlines)\b/.test(type)) return 'lines'
  return isJson || type === '' || /\bjson\b/.test(type) ? 'json' : 'opaque'
}
