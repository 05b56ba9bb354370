// The addresses of toolwarden's own API, and every way to write them: a loopback address has many names.

import type { ArgumentText } from './arguments.ts'
import { parseHost } from './hosts.ts'
import { listUrls } from './url-hosts.ts'

/** A protected `host:port`. */
export interface ProtectedHost {
  readonly name: string
  readonly port: string
  readonly isLocal: boolean
  /** Finds the address within any text, however long. */
  readonly inText: RegExp
}

const localName = /^(?:localhost|.+\.localhost|127\.\d+\.\d+\.\d+|0\.0\.0\.0|::1|::)$/
const localForms = String.raw`localhost|127\.[\d.]+|0\.0\.0\.0|\[::(?:1|ffff:127\.[\d.]+)?\]`

/** Compiles addresses given as `host:port`; throws a RangeError on anything else. */
export function createProtectedHosts(addresses: readonly string[]): readonly ProtectedHost[] {
  return addresses.map((address) => {
    const parts = /^(\[[^\]]+\]|[^:]+):(\d{1,5})$/.exec(address)
    const host = parseHost(parts?.[1] ?? '')
    const port = parts?.[2]
    if (host === undefined || port === undefined)
      throw new RangeError(`a protected address is not host:port: ${address}`)
    const isLocal = localName.test(host.name)
    const forms = isLocal ? localForms : host.name.replace(/[.[\]]/g, '\\$&')
    return { name: host.name, port, isLocal, inText: new RegExp(`(?<![\\w.-])(?:${forms})\\.?:0*${port}(?!\\d)`, 'i') }
  })
}

/** True where one reading of a text holds a URL of a protected address. */
export function namesProtectedUrl(reading: string, hosts: readonly ProtectedHost[]): boolean {
  return hosts.some((host) => {
    if (!reading.includes(host.port)) return false
    if (host.inText.test(reading)) return true
    return listUrls(reading).some((url) => 'host' in url && url.port === host.port && matchesName(url.host.name, host))
  })
}

/** True where a protected host and its port stand in two arguments of one call. */
export function namesHostAndPort(texts: readonly ArgumentText[], hosts: readonly ProtectedHost[]): boolean {
  return hosts.some((host) => {
    const short = (text: string): boolean => text.length <= MAX_HOST_CHARACTERS
    if (!texts.some(({ text }) => short(text) && text.includes(host.port) && text.trim() === host.port)) return false
    return texts.some(({ text }) => short(text) && isSameHost(text.trim(), host))
  })
}

const MAX_HOST_CHARACTERS = 64

function isSameHost(text: string, host: ProtectedHost): boolean {
  if (!/^[\w.:[\]-]+$/.test(text)) return false
  const name = parseHost(text.includes(':') && !text.startsWith('[') ? `[${text}]` : text)?.name
  return name !== undefined && matchesName(name, host)
}

function matchesName(name: string, host: ProtectedHost): boolean {
  return host.isLocal ? localName.test(name) : name === host.name
}
