// What signals are taken from a text: destinations and identifier-like tokens.
// Every pattern is bounded, so that no text makes it slow. Normalised here, before the HMAC, so that case, Unicode form
// and an encoded character do not make another value of one.
import { remarkableWords } from './remarkable-words.ts'

/** How much text is looked through for destinations, characters. */
export const MAX_SIGNAL_TEXT = 1024 * 1024
/** The longest token that is a value; longer ones are content. Characters. */
const MAX_TOKEN_LENGTH = 200
const MIN_TOKEN_LENGTH = 3

// The @ comes first, so that text without one costs nothing.
const EMAIL = /@(?<=([A-Za-z0-9._%+-]{1,64})@)([A-Za-z0-9](?:[A-Za-z0-9.-]{0,252}[A-Za-z0-9])?)/g
// What stands before the last @ is no host, however long it is (WHATWG URL, authority state; a backslash ends it as a slash does).
const HOST =
  /\b[a-z][a-z0-9+.-]{1,15}:\/\/(?:[^\s/?#\\"'<>]*@)?([A-Za-z0-9._-]{1,253})|\bwww\.([A-Za-z0-9._-]{1,249})/gi
/** Stands in every text with a host, and is seen not to in a tenth of the time. */
const HOST_HINT = /:\/\/|www\./i
// IBAN and its like, bare account and card numbers, wallets.
const ACCOUNT = /\b(?:[A-Z]{2}\d{2}[A-Z0-9]{8,30}|\d{9,18}|0x[0-9a-fA-F]{40}|bc1[0-9a-z]{11,71})\b/g

/** In small letters, or in groups of four: only where its check digits are right, as other things look so too. */
const LOOSE_IBAN = /\b[A-Z]{2}\d{2}(?: ?[A-Z0-9]{4}){2,7}(?: ?[A-Z0-9]{1,3})?\b/gi

/** A destination and the site that it belongs to; an account, and an address that anybody can have, is a site of its own. */
export interface Destination {
  readonly name: string
  readonly site: string
}

/** E-mail addresses, hosts and account numbers of a text, each once. */
export function findDestinations(written: string): readonly Destination[] {
  const text = plainOf(written)
  const found = new Map<string, Destination>()
  const add = (name: string, site: string): void => {
    if (name !== '') found.set(name, { name, site })
  }
  for (const [, name, host] of text.matchAll(EMAIL)) {
    const address = `${name}@${host}`.toLowerCase()
    const domain = siteOf(`${host}`.toLowerCase())
    add(address, isPublicMail(domain) ? address : domain)
  }
  for (const [, host, www] of HOST_HINT.test(text) ? text.matchAll(HOST) : []) {
    const name = (host ?? www ?? '').toLowerCase().replace(/^www\.|\.+$/g, '')
    add(name, siteOf(name))
  }
  for (const [account] of /\d/.test(text) ? text.matchAll(ACCOUNT) : []) add(account, account)
  for (const [spaced] of /\d/.test(text) ? text.matchAll(LOOSE_IBAN) : []) {
    const account = spaced.replaceAll(' ', '').toUpperCase()
    if (isIban(account)) add(account, account)
  }
  return [...found.values()]
}

/**
 * What an argument's whole value is, spelled as a text would have it: an account in small letters or in groups, and in an
 * argument for addresses a host without a scheme. Undefined where it is neither.
 */
export function spelledOut(name: string, text: string): string | undefined {
  if (text.length > MAX_TOKEN_LENGTH) return undefined
  const plain = plainOf(text).trim()
  const compact = plain.replace(/[\s-]/g, '').toUpperCase()
  if (/^(?:[A-Z]{2}\d{2}[A-Z0-9]{8,30}|\d{9,18})$/.test(compact)) return compact
  const isHost = ADDRESS_KEY.test(name) && /^[\w-]{1,63}(?:\.[\w-]{1,63}){1,8}(?:[:/?#]|$)/.test(plain)
  return isHost ? `https://${plain}` : undefined
}

const ADDRESS_KEY = /^(?:ur[il]s?|links?|href|host|hostname|domain|endpoint|webhook|website|site)$|[_-]ur[il]$|Ur[il]$/i
const INVISIBLE = /[\u00ad\u200b-\u200f\u2060\ufeff]/g

/** One spelling of each character: Unicode form, nothing invisible, no percent-encoded sign of an address. */
function plainOf(text: string): string {
  const plain = NOT_ASCII.test(text) ? text.normalize('NFKC').replace(INVISIBLE, '') : text
  return plain.includes('%') ? plain.replace(/%(?:40|2e|2d|5f|2b)/gi, (code) => decodeURIComponent(code)) : plain
}

/** ISO 13616: the check digits, by remainder of 97. */
function isIban(account: string): boolean {
  const digits = (account.slice(4) + account.slice(0, 4)).replace(/[A-Z]/g, (each) => String(each.charCodeAt(0) - 55))
  return Array.from(digits).reduce((rest, digit) => (rest * 10 + Number(digit)) % 97, 0) === 1
}

/** Providers that give an address to anybody: one known address there says nothing of another. */
const PUBLIC_MAIL = new Set(
  'aol.com fastmail.com gmail.com gmx.com gmx.de gmx.net googlemail.com hotmail.com icloud.com live.com mail.com mail.ru me.com msn.com outlook.com proton.me protonmail.com qq.com 163.com tutanota.com web.de yahoo.com yandex.com yandex.ru zoho.com'.split(
    ' ',
  ),
)
/** Whether anybody can have an address in a domain. */
export function isPublicMail(domain: string): boolean {
  return PUBLIC_MAIL.has(domain)
}

const SECOND_LEVEL = new Set(['ac', 'co', 'com', 'edu', 'gov', 'net', 'org'])

/** The registrable part of a host, by rule of thumb: its last two labels, three under `co.uk` and the like. */
function siteOf(host: string): string {
  const labels = host.split('.')
  const isUnderCountry = (labels.at(-1)?.length ?? 0) === 2 && SECOND_LEVEL.has(labels.at(-2) ?? '')
  return labels.slice(isUnderCountry ? -3 : -2).join('.')
}

/** Whether a destination lies in one of the deployment's own domains. */
export function isOwnDestination(name: string, ownDomains: readonly string[]): boolean {
  const host = name.slice(name.lastIndexOf('@') + 1)
  return ownDomains.some((domain) => host === domain || host.endsWith(`.${domain}`))
}

/**
 * Identifier-like tokens of a text, normalised, each once, and no more than `limit`: what a person copies rather than
 * phrases anew.
 */
export function findTokens(text: string, limit: number = Number.POSITIVE_INFINITY): readonly string[] {
  const tokens = new Set<string>()
  const seen = new Set<string>()
  for (const word of remarkableWords(text, MAX_TOKEN_LENGTH)) {
    if (seen.has(word)) continue
    seen.add(word)
    const token = normaliseToken(word)
    if (isIdentifier(token) && !isDestination(word)) tokens.add(token)
    if (tokens.size >= limit) break
  }
  return [...tokens]
}

/** Short names that a text sets apart, by quotes or as the value of a `key: value` line, normalised, each once, up to `limit`. */
export function findNames(text: string, limit: number = Number.POSITIVE_INFINITY): readonly string[] {
  const names = new Set<string>()
  for (const [, quoted, field] of text.matchAll(NAME)) {
    const name = normaliseToken(quoted ?? field ?? '')
    if (name.length >= MIN_TOKEN_LENGTH && !isTimeOrAmount(name) && !isDestination(quoted ?? field ?? ''))
      names.add(name)
    if (names.size >= limit) break
  }
  return [...names]
}

/**
 * Names as a sentence has them: up to four words with capitals, or a single one within a sentence; normalised, each once, up
 * to `limit`. Far more than an identifier, so only for texts that are suspect.
 */
export function findProperNames(text: string, limit: number): readonly string[] {
  const names = new Set<string>()
  for (const [run] of text.matchAll(PROPER_NAMES)) {
    const words = run.split(SPACES)
    // A sentence begins with a capital too, so each run counts with its first word and without.
    for (const from of words.length > 1 ? [0, 1] : [0]) {
      const name = normaliseToken(words.slice(from).join(' '))
      if (name.length >= MIN_TOKEN_LENGTH) names.add(name)
    }
    if (names.size >= limit) break
  }
  return [...names].slice(0, limit)
}

/** Numbers that a text sets apart, or calls an id: shorter than what counts as an identifier elsewhere. */
export function findNumbers(text: string, limit: number): readonly string[] {
  const found = Array.from(text.matchAll(NUMBERS), ([, quoted, called, marked]) => quoted ?? called ?? marked ?? '')
  return [...new Set(found)].slice(0, limit)
}

const NUMBERS =
  /["'`](\d{1,2})["'`]|\b(?:ids?|nos?|nr|number|issue|item)[ \t:#=.]{1,4}(\d{1,2})(?![\d:.,/-]\d|\d)|#(\d{1,2})\b/gi
const SPACES = /\s+/
const PROPER_NAMES = /(?<![\p{L}\d])\p{Lu}[\p{L}\d'’-]{1,30}(?:\s{1,8}(?:[\p{Lu}\d][\p{L}\d'’-]{0,30})){0,4}/gu
const NAME = /["'`]([^"'`\n]{3,64})["'`]|^[ \t-]{0,32}[A-Za-z_][\w ]{0,32}:[ \t]{1,8}([^\n'"]{3,64})$/gm

/** One spelling for one value: Unicode form, case, percent-encoding, scheme, and punctuation around it do not count. */
export function normaliseToken(text: string): string {
  if (text.length > MAX_TOKEN_LENGTH) return ''
  const plain = decodePercent(NOT_ASCII.test(text) ? text.normalize('NFKC').replace(INVISIBLE, '') : text)
    .trim()
    .toLowerCase()
    .replace(/^[a-z][a-z0-9+.-]{1,15}:\/\/(?:www\.)?|^www\./, '')
  const isTrimmed = !EDGE.test(plain.charAt(0)) && !EDGE.test(plain.charAt(plain.length - 1))
  return isTrimmed ? plain : plain.replace(/^[\s.:!?…·-]{1,200}|[\s.:!?…·/-]{1,200}$/g, '')
}

const NOT_ASCII = /[^\0-\x7f]/
/** What punctuation around a token may be. */
const EDGE = /[\s.:!?…·/-]/

function decodePercent(text: string): string {
  if (!text.includes('%')) return text
  return text.replace(/%[2-7][0-9a-f]/gi, (code) => String.fromCharCode(Number.parseInt(code.slice(1), 16)))
}

/** Destinations have signals of their own. */
export function isDestination(text: string): boolean {
  return (
    text.length <= MAX_TOKEN_LENGTH &&
    /^\S{1,64}@[\w-]|^[a-z][a-z0-9+.-]{1,15}:\/\/|^www\.|^(?:[A-Z]{2}\d{2}[A-Z0-9]{8,30}|\d{9,18})[.,;:!?)]?$/i.test(
      text.trim(),
    )
  )
}

function isIdentifier(token: string): boolean {
  if (token.length < MIN_TOKEN_LENGTH || isTimeOrAmount(token)) return false
  return /\d/.test(token) || /[\w][@_/\\.:#~-][\w]|^[/\\#@~]\w/.test(token)
}

/** Dates, times and small figures are common to everything. */
function isTimeOrAmount(token: string): boolean {
  return /^[$€£+-]?\d{1,4}(?:[.,]\d{1,3})*[%$€£]?$|^\d{1,2}(?::\d{2}){1,2}(?:am|pm)?$|^\d{4}-\d{2}-\d{2}(?:t[\d:.+z-]*)?$/.test(
    token,
  )
}
