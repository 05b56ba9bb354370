// Hosts of URLs, by WHATWG URL parsing. A URL that parsers are known to read in two ways (a backslash, a blank or a second
// `@` in the authority, `#@`) is refused: the server's parser may not be ours.

import type { Host } from './hosts.ts'
import { parseHost } from './hosts.ts'

/** Most URLs looked at in one string. */
const MAX_URLS_PER_TEXT = 256
/** Longest authority looked at, in characters. */
const MAX_AUTHORITY_CHARACTERS = 2048
const MAX_SCHEME_CHARACTERS = 32

/** The host and effective port of a URL; or why it can't be read one way only. */
export type UrlHost = { readonly host: Host; readonly port: string | undefined } | { readonly problem: string }

const defaultPorts: Readonly<Record<string, string>> = { http: '80', https: '443', ws: '80', wss: '443', ftp: '21' }

/** Every URL within a text, also one nested in another's query, and a protocol-relative one at its start or in quotes. */
export function listUrls(text: string): readonly UrlHost[] {
  if (!/:|[/\\]{2}/.test(text)) return []
  // URL parsers drop tabs and line ends wherever they stand; only before another URL do they part two of them.
  const joined = text.replace(/[\t\r\n]+(?=[a-z][a-z0-9+.-]{0,31}:[/\\])/gi, ' ').replace(/[\t\r\n]/g, '')
  const found: UrlHost[] = []
  for (const source of joined === text ? [text] : [text, joined]) {
    for (const start of listUrlStarts(source)) {
      if (found.length >= MAX_URLS_PER_TEXT) return [{ problem: 'holds more URLs than can be checked' }]
      const url = source.slice(start, start + MAX_AUTHORITY_CHARACTERS).split(/[\s"'<>`]/, 1)[0] ?? ''
      found.push(parseUrlHost(url.replace(/[.,;:!?)}]+$/, '')))
    }
  }
  return found
}

/** Places where a scheme with slashes, a special scheme, or a protocol-relative reference begins. */
function listUrlStarts(text: string): readonly number[] {
  const starts: number[] = []
  for (
    let colon = text.indexOf(':');
    colon !== -1 && starts.length <= MAX_URLS_PER_TEXT;
    colon = text.indexOf(':', colon + 1)
  ) {
    const scheme = schemeBefore(text, colon)
    if (scheme === '' || scheme.toLowerCase() === 'file') continue
    const special = /^(?:https?|wss?|ftp)$/i.exec(/[a-z]*$/i.exec(scheme)?.[0] ?? '')?.[0]
    const rest = text.slice(colon + 1, colon + 3)
    if (special !== undefined && /^[^\s"'<>`]/.test(rest)) starts.push(colon - special.length)
    else if (/^[/\\]{2}/.test(rest)) starts.push(colon - scheme.length)
  }
  for (const match of text.matchAll(/(?:^\s*|[=("'\s])(?=[/\\]{2}[^/\\\s])/g)) {
    if (starts.length > MAX_URLS_PER_TEXT) break
    starts.push(match.index + match[0].length)
  }
  return starts
}

function schemeBefore(text: string, colon: number): string {
  let start = colon
  while (start > 0 && colon - start < MAX_SCHEME_CHARACTERS && /[a-z0-9+.-]/i.test(text[start - 1] ?? '')) start -= 1
  return text.slice(start, colon).replace(/^[^a-z]+/i, '')
}

/** The host of one URL, absolute or protocol-relative. */
export function parseUrlHost(url: string): UrlHost {
  const text = url.replace(/[\t\r\n]/g, '')
  const scheme = /^([a-z][a-z0-9+.-]*):/i.exec(text)?.[1]?.toLowerCase()
  if (scheme === 'mailto') return parseMailHost(text.slice('mailto:'.length))
  const isSpecial = scheme === undefined || scheme in defaultPorts
  const authority = (isSpecial ? /^(?:[^:/\\]*:)?[/\\]*([^/]*)/ : /^[^:]*:\/\/([^/]*)/).exec(text)?.[1]
  if (authority === undefined || authority === '') return { problem: 'is a URL without a host' }
  if (isAmbiguous(text, authority)) return { problem: 'is a URL that can be read in two ways' }
  const hostAndPort = authority.split(/[?#]/, 1)[0]?.split('@').at(-1) ?? ''
  const parts = /^(\[[^\]]*\]|[^:[\]]*)(?::(\d{0,5}))?$/.exec(hostAndPort)
  const host = parts === null ? undefined : parseHost(parts[1] ?? '')
  if (parts === null || host === undefined) return { problem: 'is a URL with an invalid host' }
  if (isSpecial && !agreesWithParser(text, host)) return { problem: 'is a URL that can be read in two ways' }
  const port = parts[2] === undefined || parts[2] === '' ? defaultPorts[scheme ?? ''] : String(Number(parts[2]))
  return { host, port }
}

/** Where one parser ends the authority another may go on: at `\`, `?`, `#`, blanks and controls, or a second `@`. */
function isAmbiguous(text: string, authority: string): boolean {
  if (/[\\\s\p{Cc}]/u.test(authority) || authority.split('@').length > 2) return true
  if (text.slice(0, text.indexOf(authority)).includes('\\')) return true
  const cut = authority.search(/[?#]/)
  return cut !== -1 && authority.indexOf('@', cut) !== -1
}

/** WHATWG's own reading of the whole URL must name the same host. */
function agreesWithParser(text: string, host: Host): boolean {
  const absolute = /^[a-z][a-z0-9+.-]*:/i.test(text) ? text : `http:${text}`
  return URL.canParse(absolute) && parseHost(new URL(absolute).hostname)?.name === host.name
}

function parseMailHost(text: string): UrlHost {
  const hosts =
    text
      .split('?', 1)[0]
      ?.split(',')
      .map((address) => parseHost(address.split('@').at(-1)?.trim() ?? '')) ?? []
  const [host] = hosts
  if (host === undefined || hosts.some((other) => other?.name !== host.name)) {
    return { problem: 'is a mailto: URL whose addresses are not all of one valid host' }
  }
  return { host, port: undefined }
}
