// Which strings of a call name a host: all under a host-like key, any value that looks like a host, an address or an
// e-mail address, and every URL within any string, however deep it is encoded or nested in another.

import type { ArgumentText } from './arguments.ts'
import type { Host } from './hosts.ts'
import { parseHost } from './hosts.ts'
import type { ReadingBudget } from './readings.ts'
import { listReadings } from './readings.ts'
import { listUrls, parseUrlHost } from './url-hosts.ts'

/** Last words of the keys whose values are hosts or URLs whatever they look like. */
export const hostKeys: readonly string[] = [
  'url',
  'urls',
  'uri',
  'uris',
  'href',
  'link',
  'links',
  'host',
  'hosts',
  'hostname',
  'domain',
  'domains',
  'endpoint',
  'endpoints',
  'webhook',
  'callback',
  'origin',
  'site',
  'website',
  'baseurl',
  'proxy',
  'ip',
  'address',
]

/** Longest string looked through for hosts, in characters. */
const MAX_HOST_TEXT_CHARACTERS = 32_768

/** A host that a call names, with its effective port where one is known. */
export interface NamedHost {
  readonly host: Host
  readonly port: string | undefined
}

/** A host that a call names; or why the argument can't be read. */
export type HostArgument = NamedHost | { readonly problem: string }

/** The hosts that one string of a call names; empty where it names none. `isNamed`: it stands under a host-like key. */
export function listHostArguments(
  argument: ArgumentText,
  isNamed: boolean,
  budget: ReadingBudget,
): readonly HostArgument[] {
  const named = argument.kind !== 'key' && argument.text !== '' && isNamed
  if (!named && (argument.kind === 'number' || !mayHoldHost.test(argument.text))) return []
  if (argument.text.length > MAX_HOST_TEXT_CHARACTERS) return [{ problem: 'is too long to be checked for hosts' }]
  const readings = listReadings(argument.text)
  if ('problem' in readings) return [readings]
  budget.characters -= readings.texts.reduce((total, text) => total + text.length, 0)
  // Under a host-like key the whole value must be one URL, host or e-mail address, and all that is nested in it counts.
  if (named) return [parseNamedHost(argument.text), ...readings.texts.flatMap(listUrls)]
  return readings.texts.flatMap((reading) => [...listUrls(reading), ...listHostLike(reading)])
}

/** A dot, colon, double slash, `@` or percent sign, or any character that could fold to one. */
const mayHoldHost = /[.:@%]|[/\\]{2}|localhost|[^ -~]/i

function parseNamedHost(text: string): HostArgument {
  const trimmed = text.trim()
  if (/^[a-z][a-z0-9+.-]*:(?!\d{1,5}(?:[/?#]|$))/i.test(trimmed) || /^[/\\]{2}/.test(trimmed))
    return parseUrlHost(trimmed)
  const host = parseBareHost(trimmed)
  return host ?? { problem: 'is neither a URL nor a host' }
}

/** `host`, `host:port`, `host/path` and `name@host`. */
function parseBareHost(text: string): HostArgument | undefined {
  const parts = /^(?:[^\s/\\@?#]*@)?(\[[^\]\s]*\]|[^\s/\\@?#:[\]]+)(?::(\d{1,5}))?(?:[/?#][^\s\\]*)?$/u.exec(text)
  const host = parts === null ? undefined : parseHost(parts[1] ?? '')
  return host === undefined ? undefined : { host, port: parts?.[2] }
}

/** Dotted names with an alphabetic last label, addresses, `localhost` and e-mail addresses, alone or in a list. */
function listHostLike(reading: string): readonly HostArgument[] {
  const addresses = [...reading.matchAll(addressInText)].flatMap((match) => parseBareHost(match[0]) ?? [])
  const items = reading.split(/[\s,;<>]+/).filter((item) => item !== '')
  const all = items.every(isHostLike) ? items : items.filter((item) => item.includes('@') && isHostLike(item))
  const hosts = isHostLike(reading.trim()) ? [reading.trim()] : all
  return [...addresses, ...hosts.map((text) => parseBareHost(text) ?? { problem: 'is not a valid host' })]
}

const addressInText = /(?<![\w.])(?:\d{1,3}\.){3}\d{1,3}(?![\w.]*\w)|\[[0-9a-f]*:[0-9a-f:.]*\]/gi
const hostLike =
  /^(?:[^\s/\\@?#]+@)?(?:(?:[\p{L}\p{N}_-]+\.)+(?:\p{L}{2,63}|xn--[\w-]{1,59})|localhost)\.?(?::\d{1,5})?(?:[/?#]|$)/iu
const oddAddress =
  /^(?:0x[0-9a-f]{1,8}|0[0-7]{1,11}|\d{1,3})(?:\.(?:0x[0-9a-f]{1,8}|\d{1,11})){3}\.?(?::\d{1,5})?(?:[/?#]|$)|^0x[0-9a-f]{8}$/i
/** 253 characters of host, and a mailbox's name and the beginning of a path beside it. */
const MAX_HOST_LIKE_CHARACTERS = 2048

function isHostLike(text: string): boolean {
  return text !== '' && text.length <= MAX_HOST_LIKE_CHARACTERS && (hostLike.test(text) || oddAddress.test(text))
}
