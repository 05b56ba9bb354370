// A server that a client reaches by its URL: a gateway that the client starts takes its place (`--upstream`), and the static
// header fields become variables of its environment (`--header Field=VARIABLE`), their values untouched where they stand,
// so that what a client fills in (`${TOKEN}`, `${input:token}`) is still filled in, and no secret is seen in a process list.
import { headerField, upstreamUrl } from '../../gateway/http/settings.ts'
import type { Edit } from './edit.ts'
import { arrayText, insertMembers, memberSeparator, objectText } from './json-insert.ts'
import { findMember } from './json-look.ts'
import type { JsonMember, JsonNode, JsonObject } from './json-text.ts'
import type { EntryPlan } from './wrap-settings.ts'
import { type EntryContext, environmentItems, gatewayWords, leave, valuesOf } from './wrap-stdio-entry.ts'

const STREAMABLE = /^(?:http|streamable-?_?http)$/i
/** The client signs in, or computes fields: a gateway can't do it in its place. */
const SIGNS_IN = /^(?:auth|oauth|authorization|headersHelper|authProviderType)$/i
/** With any of these it would not be sure what the client starts or reaches afterwards. */
const NOT_BESIDE_URL = ['command', 'args', 'env', 'transport', 'url', 'serverUrl', 'httpUrl']
const PREFIX = 'TOOLWARDEN_HEADER_'

/** The edits of an entry with `url` or `serverUrl`, or why it is left. */
export function wrapHttpEntry(entry: JsonObject, url: JsonMember, context: EntryContext): EntryPlan {
  const { text, settings } = context
  const headers = findMember(entry, 'headers')
  const type = findMember(entry, 'type')?.value
  const reason = findProblem(entry, url, type) ?? findHeaderProblem(headers?.value)
  if (reason !== undefined || url.value.type !== 'string') return leave(reason ?? 'its URL is not a string')
  const members = headers?.value.type === 'object' ? headers.value.members : []
  const variables = variableNames(members.map(({ key }) => key))
  const fields = members.flatMap(({ key }, index) => ['--header', `${key}=${variables[index] ?? ''}`])
  const words = gatewayWords(context, ['--upstream', url.value.value, ...fields])
  const items = words.map((word) => JSON.stringify(word))
  const separator = memberSeparator(text, entry)
  const own = environmentItems(settings)
  const added =
    own.length > 0 && headers === undefined ? [`"env": ${objectText(text, { items: own, owner: entry })}`] : []
  const replaced = [
    `"command": ${JSON.stringify(settings.program[0])}`,
    `"args": ${arrayText(text, { items, owner: entry })}`,
    ...added,
  ].join(separator)
  const edits: Edit[] = [{ start: url.keySpan.start, end: url.value.end, text: replaced }]
  if (type !== undefined) edits.push({ start: type.start, end: type.end, text: '"stdio"' })
  if (headers?.value.type === 'object') {
    edits.push({ ...headers.keySpan, text: '"env"' })
    if (own.length > 0) edits.push(insertMembers(text, headers.value, { items: own, owner: entry }))
    for (const [index, { keySpan }] of members.entries())
      edits.push({ ...keySpan, text: JSON.stringify(variables[index]) })
  }
  return { type: 'wrap', edits, secrets: valuesOf(text, headers?.value) }
}

function findProblem(entry: JsonObject, url: JsonMember, type: JsonNode | undefined): string | undefined {
  const address = url.value
  if (address.type !== 'string') return 'its URL is not a string'
  if (/\$\{/.test(address.value)) return 'its URL has variables, which could bring a secret into a process list'
  if (!upstreamUrl.safeParse(address.value).success)
    return 'its URL is not one of http or https without user and fragment'
  if (address.value.includes('?')) return 'its URL has a query, which could bring a secret into a process list'
  if (type === undefined ? /\/sse\/?$/.test(address.value) : !(type.type === 'string' && STREAMABLE.test(type.value)))
    return 'it is not Streamable HTTP (the older HTTP+SSE transport is not supported)'
  const signsIn = entry.members.find(({ key }) => SIGNS_IN.test(key))
  if (signsIn !== undefined) return `the client signs in for it (${signsIn.key})`
  const mixed = entry.members.find(({ key }) => key !== url.key && NOT_BESIDE_URL.includes(key))
  return mixed === undefined ? undefined : `it has a URL and ${mixed.key}`
}

function findHeaderProblem(headers: JsonNode | undefined): string | undefined {
  if (headers === undefined) return undefined
  if (headers.type !== 'object') return 'its headers are not an object'
  const bad = headers.members.find(
    ({ key, value }) => value.type !== 'string' || value.value === '' || !headerField.safeParse(key).success,
  )
  return bad === undefined ? undefined : 'one of its headers is empty, no string, or one that the gateway writes itself'
}

/** A variable for each field: `X-Api-Key` is read from TOOLWARDEN_HEADER_X_API_KEY; those alike are numbered. */
function variableNames(fields: readonly string[]): readonly string[] {
  const names: string[] = []
  for (const field of fields) {
    const name = `${PREFIX}${field.toUpperCase().replace(/[^A-Z0-9]/g, '_')}`
    names.push(names.includes(name) ? `${name}_${names.length + 1}` : name)
  }
  return names
}
