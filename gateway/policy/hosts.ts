// One form for a host, whatever it was written as: WHATWG URL host parsing (IDN to punycode, IPv4 in odd notations,
// IPv6 compressed), trailing dots dropped, IPv4-mapped and -translated IPv6 read as the IPv4 address that it reaches.

import { isIPv4 } from 'node:net'

/** A host as it is compared: a name in punycode, an IPv4 address, or an IPv6 address without brackets. */
export interface Host {
  readonly name: string
  /** True for loopback, private, link-local, multicast and other addresses that are not of the public internet. */
  readonly isPrivate: boolean
}

/** One entry of `allowedDomains`: `*` is any public host, `*.example.org` any below example.org. */
export interface AllowedHost {
  readonly pattern: string
  readonly type: 'any' | 'below' | 'exact'
  /** The name or address; for `below` the suffix with its leading dot; empty for `any`. */
  readonly name: string
  readonly port: string | undefined
}

/** Longest host looked at: 253 characters in DNS, more while it is still encoded. */
const MAX_HOST_CHARACTERS = 1024

/** Reduces a host to its one form; undefined where it is not a valid host. */
export function parseHost(text: string): Host | undefined {
  if (text === '' || text.length > MAX_HOST_CHARACTERS || /[\s/\\?#@]/.test(text)) return undefined
  if (/:/.test(text) && !/^\[[^\]]*\]$/.test(text)) return undefined
  if (!URL.canParse(`http://${text}/`)) return undefined
  const hostname = new URL(`http://${text}/`).hostname.replace(/\.$/, '')
  // An empty label is no name in DNS, and resolvers disagree on what to make of it.
  if (hostname.split('.').includes('')) return undefined
  const name = hostname.startsWith('[') ? reduceIpv6(hostname.slice(1, -1)) : hostname
  return { name, isPrivate: isPrivateHost(name) }
}

/** Reads an entry of a domain list; a string says what is wrong with it. */
export function parseAllowedHost(pattern: string): AllowedHost | string {
  if (pattern === '*') return { pattern, type: 'any', name: '', port: undefined }
  if (/[/@?#\\]|:\/\//.test(pattern)) return 'is a URL: write the host alone, as "api.example.com"'
  const parts = /^(\*\.)?(\[[^\]]+\]|[^:]+)(?::(\d{1,5}))?$/.exec(pattern)
  const host = parts?.[2]?.includes('*') === true ? undefined : parseHost(parts?.[2] ?? '')
  if (parts === null || host === undefined)
    return 'is not a host, as "api.example.com", "*.example.org" or "[::1]:8080"'
  const below = parts[1] !== undefined
  if (below && (isIPv4(host.name) || host.name.includes(':'))) return 'puts a wildcard before an address'
  return { pattern, type: below ? 'below' : 'exact', name: below ? `.${host.name}` : host.name, port: parts[3] }
}

/** True where a host, with its effective port, is listed; private hosts only where they are listed by name or suffix. */
export function isListed(host: Host, port: string | undefined, entries: readonly AllowedHost[]): boolean {
  return entries.some((entry) => (entry.port === undefined || entry.port === port) && matchesEntry(host, entry))
}

function matchesEntry(host: Host, entry: AllowedHost): boolean {
  switch (entry.type) {
    case 'any':
      return !host.isPrivate
    case 'below':
      return host.name.endsWith(entry.name) && host.name.length > entry.name.length
    case 'exact':
      return host.name === entry.name
  }
}

/** True where a host matches an entry of a deny list; `*` is every host, and an unknown port matches any. */
export function isDenied(host: Host, port: string | undefined, entries: readonly AllowedHost[]): boolean {
  return entries.some((entry) => {
    const asked = entry.port === undefined || port === undefined ? { ...entry, port: undefined } : entry
    return entry.type === 'any' || isListed(host, port, [asked])
  })
}

/** IPv6 as Node's URL prints it, with the IPv4 address it stands for where it is mapped, compatible or NAT64. */
function reduceIpv6(address: string): string {
  const groups = expandIpv6(address)
  const isZero = (from: number, to: number): boolean => groups.slice(from, to).every((group) => group === 0)
  const mapped = isZero(0, 5) && groups[5] === 0xffff
  const compatible = isZero(0, 6) && (groups[6] ?? 0) !== 0
  const translated = isZero(0, 4) && groups[4] === 0xffff && groups[5] === 0
  const nat64 = groups[0] === 0x64 && groups[1] === 0xff9b && isZero(2, 6)
  return mapped || compatible || translated || nat64 ? toIpv4(groups[6] ?? 0, groups[7] ?? 0) : address
}

function expandIpv6(address: string): readonly number[] {
  const [head = '', tail] = address.split('::')
  const toGroups = (part: string): readonly number[] =>
    part === '' ? [] : part.split(':').map((group) => Number.parseInt(group, 16))
  const before = toGroups(head)
  const after = toGroups(tail ?? '')
  return [...before, ...Array<number>(8 - before.length - after.length).fill(0), ...after]
}

function toIpv4(high: number, low: number): string {
  return [high >> 8, high & 255, low >> 8, low & 255].join('.')
}

const privateName =
  /(?:^|\.)(?:localhost|local|internal|intranet|lan|home|corp|localdomain|svc|home\.arpa|test|invalid)$/
const privateIpv4 =
  /^(?:0|10|127)\.|^100\.(?:6[4-9]|[7-9]\d|1[01]\d|12[0-7])\.|^169\.254\.|^172\.(?:1[6-9]|2\d|3[01])\.|^192\.168\.|^192\.0\.[02]\.|^198\.1[89]\.|^198\.51\.100\.|^203\.0\.113\.|^(?:22[4-9]|2[3-5]\d)\./
/** Names of services that answer with the address in the name, as 127.0.0.1.nip.io. */
const embeddedIpv4 = /(?:^|[.-])(\d{1,3}[.-]\d{1,3}[.-]\d{1,3}[.-]\d{1,3})(?=[.-])/

function isPrivateHost(name: string): boolean {
  if (name.includes(':')) return isPrivateIpv6(expandIpv6(name))
  if (isIPv4(name)) return privateIpv4.test(name)
  const embedded = embeddedIpv4.exec(name)?.[1]?.replaceAll('-', '.')
  return !name.includes('.') || privateName.test(name) || (embedded !== undefined && privateIpv4.test(embedded))
}

function isPrivateIpv6(groups: readonly number[]): boolean {
  const first = groups[0] ?? 0
  if (first === 0x2002) return privateIpv4.test(toIpv4(groups[1] ?? 0, groups[2] ?? 0))
  // Only 2000::/3 is global unicast (RFC 4291); documentation (2001:db8::/32) and Teredo (2001::/32) are not reachable hosts.
  return (first & 0xe000) !== 0x2000 || (first === 0x2001 && (groups[1] === 0xdb8 || groups[1] === 0))
}
