// The fields that mirror the body (MCP 2026-07-28, Streamable HTTP, "Request Metadata"; SEP-2243): something between here
// and the server may route by them, so they have to say what the body says, in every era.
import { isModern, PROTOCOL_VERSION_KEY } from '../connection.ts'
import { asObject, type Message } from '../message.ts'
import { findHeader, type HeaderList } from './headers.ts'

/** The JSON-RPC code of `HeaderMismatch`. */
export const HEADER_MISMATCH_CODE = -32020

const MODERN_VERSION = '2026-07-28'
const PARAM_PREFIX = 'mcp-param-'
const ENCODED = /^=\?base64\?([A-Za-z0-9+/]*={0,2})\?=$/
/** Which member of `params` a method's `Mcp-Name` mirrors. */
const NAMED_BY: ReadonlyMap<string, string> = new Map([
  ['tools/call', 'name'],
  ['prompts/get', 'name'],
  ['resources/read', 'uri'],
])

/** Finds the field that disagrees with the body. */
export function findHeaderMismatch(headers: HeaderList, message: Message): string | undefined {
  if (isVersionMismatch(findHeader(headers, 'mcp-protocol-version'), message)) return 'MCP-Protocol-Version'
  const method = message.kind === 'response' ? undefined : message.method
  const mirrored = findHeader(headers, 'mcp-method')
  if (mirrored !== undefined && mirrored !== method) return 'Mcp-Method'
  const params = asObject(message.value.params) ?? {}
  const name = findHeader(headers, 'mcp-name')
  if (name !== undefined && method !== undefined && isNameMismatch(name, method, params)) return 'Mcp-Name'
  return findParamMismatch(headers, params.arguments)
}

/**
 * Finds a field of an argument that no argument agrees with. Which argument it mirrors is known from the tool's schema
 * only (`x-mcp-header`), and to the server: here it is the one of that name, else any.
 */
function findParamMismatch(headers: HeaderList, args: unknown): string | undefined {
  const fields = headers.filter(([name]) => name.toLowerCase().startsWith(PARAM_PREFIX))
  if (fields.length === 0) return undefined
  const { all, byName } = valuesOf(args)
  return fields.find(([name, value]) => {
    const text = decodeMirrored(value)
    const known = byName.get(foldName(name.slice(PARAM_PREFIX.length))) ?? all
    return text === undefined || !(known.has(text) || known.has(numberKey(text)))
  })?.[0]
}

/** The plain values at any depth as a field writes them; linear in the arguments. */
function valuesOf(args: unknown): { readonly all: Set<string>; readonly byName: Map<string, Set<string>> } {
  const all = new Set<string>()
  const byName = new Map<string, Set<string>>()
  const open: (readonly [key: string, value: unknown])[] = [['', args]]
  for (let entry = open.pop(); entry !== undefined; entry = open.pop()) {
    const [key, value] = entry
    if (typeof value === 'object' && value !== null) {
      for (const member of Object.entries(value)) open.push(member)
      continue
    }
    const text = typeof value === 'number' ? numberKey(value) : String(value)
    all.add(text)
    const same = byName.get(foldName(key)) ?? new Set()
    byName.set(foldName(key), same.add(text))
  }
  return { all, byName }
}

/** A number however it is written: a server compares `42.0` with 42 (SEP-2243). */
function numberKey(value: string | number): string {
  return `number:${Number(value)}`
}

function foldName(name: string): string {
  return name.toLowerCase().replace(/[^a-z0-9]/g, '')
}

function isVersionMismatch(version: string | undefined, message: Message): boolean {
  if (version === undefined || message.kind !== 'request') return false
  if (!isModern(message)) return version >= MODERN_VERSION
  return asObject(asObject(message.value.params)?._meta)?.[PROTOCOL_VERSION_KEY] !== version
}

function isNameMismatch(header: string, method: string, params: Readonly<Record<string, unknown>>): boolean {
  const member = NAMED_BY.get(method)
  const values = member === undefined ? [params.name, params.uri, params.taskId] : [params[member]]
  const name = decodeMirrored(header)
  return name === undefined || !values.includes(name)
}

/** The value of a mirrored field; undefined where it can't be decoded in one way only. */
function decodeMirrored(value: string): string | undefined {
  if (!/^[\x20-\x7e\t]*$/.test(value)) return undefined
  const encoded = ENCODED.exec(value)?.[1]
  if (encoded === undefined) return value
  const bytes = Buffer.from(encoded, 'base64')
  const text = bytes.toString('utf8')
  return bytes.toString('base64') === encoded && Buffer.from(text).equals(bytes) ? text : undefined
}

/** What `Mcp-Name` says of a message, where its method has one. */
export function mirroredName(message: Exclude<Message, { kind: 'response' }>): string | undefined {
  const member = NAMED_BY.get(message.method)
  const name = member === undefined ? undefined : asObject(message.value.params)?.[member]
  return typeof name === 'string' ? name : undefined
}

/** A value in the form that fits a field. */
export function encodeMirrored(value: string): string {
  const isPlain = /^[\x21-\x7e](?:[\x20-\x7e]*[\x21-\x7e])?$/.test(value) && !ENCODED.test(value)
  return isPlain ? value : `=?base64?${Buffer.from(value).toString('base64')}?=`
}
