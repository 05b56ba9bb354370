// The addresses of toolwarden's own API, and every way to write them: a loopback address has many names.

import type { ArgumentText } from './arguments.ts'
import { parseHost } from './hosts.ts'
import { listReadings } from './readings.ts'
import { listUrls } from './url-hosts.ts'

/** A protected `host:port`. */
export interface ProtectedHost {
  readonly name: string
  readonly port: string
  readonly isLocal: boolean
  /** Finds the address within any text, however long. */
  readonly inText: RegExp
}

/** Longest text whose readings are looked through; in longer ones only the plain forms are found. */
const maxTextCharacters = 4096
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

/** True where the arguments name a protected address: in a text, in a URL, or as a host beside its port. */
export function namesProtectedHost(texts: readonly ArgumentText[], hosts: readonly ProtectedHost[]): boolean {
  return hosts.some((host) => {
    if (texts.some(({ text }) => namesInText(text, host))) return true
    const hasPort = texts.some(({ text }) => text.length < maxHostCharacters && text.trim() === host.port)
    return hasPort && texts.some(({ text }) => text.length <= maxHostCharacters && isSameHost(text.trim(), host))
  })
}

function namesInText(text: string, host: ProtectedHost): boolean {
  if (host.inText.test(text)) return true
  return (
    text.length <= maxTextCharacters && (text.includes(host.port) || /%|[^ -~]/.test(text)) && namesInUrl(text, host)
  )
}

const maxHostCharacters = 64

function namesInUrl(text: string, host: ProtectedHost): boolean {
  const readings = listReadings(text)
  return ('texts' in readings ? readings.texts : [text]).some(
    (reading) =>
      host.inText.test(reading) ||
      listUrls(reading).some((url) => 'host' in url && url.port === host.port && matchesName(url.host.name, host)),
  )
}

function isSameHost(text: string, host: ProtectedHost): boolean {
  if (!/^[\w.:[\]-]+$/.test(text)) return false
  const name = parseHost(text.includes(':') && !text.startsWith('[') ? `[${text}]` : text)?.name
  return name !== undefined && matchesName(name, host)
}

function matchesName(name: string, host: ProtectedHost): boolean {
  return host.isLocal ? localName.test(name) : name === host.name
}
