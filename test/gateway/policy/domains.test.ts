// Host arguments and domain constraints, against WHATWG URL.
import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import fc from 'fast-check'
import { isListed, parseAllowedHost, parseHost } from '../../../gateway/policy/hosts.ts'
import { anyCharacter } from '../../support/any-character.ts'
import { decideOn, policyWithin } from './support.ts'

const policy = policyWithin({
  allowedDomains: [
    'api.example.com',
    '*.example.org',
    'bücher.example',
    '10.1.2.3',
    '[::1]:8080',
    'ports.example:8443',
  ],
  notDomains: ['body'],
})

function isAllowed(argumentsValue: unknown): boolean {
  const decision = decideOn(policy, argumentsValue)
  if (decision.decision !== 'allow') assert.equal(decision.reason, 'constraint_domain', decision.text)
  return decision.decision === 'allow'
}

describe('allowedDomains', () => {
  const allowed: readonly (readonly [string, unknown])[] = [
    ['a listed host', { url: 'https://api.example.com/v1?q=a.b' }],
    ['another case, a trailing dot and a port', { url: 'HTTPS://API.Example.COM.:8443/' }],
    ['a bare host', { host: 'api.example.com' }],
    ['a host with port', { host: 'api.example.com:443' }],
    ['a host with path', { url: 'api.example.com/v1' }],
    ['a host below a wildcard', { url: 'https://a.b.example.org/' }],
    ['an international name', { url: 'https://BÜCHER.example/' }],
    ['its punycode', { url: 'https://xn--bcher-kva.example/' }],
    ['a private address that is listed', { url: 'http://10.1.2.3/' }],
    ['the same in another notation', { url: 'http://0xa010203/' }],
    ['the same mapped into IPv6', { url: 'http://[::ffff:10.1.2.3]/' }],
    ['a listed port', { url: 'http://[0:0:0:0:0:0:0:1]:8080/' }],
    ['a listed port of a name', { url: 'https://ports.example:8443/' }],
    ['an e-mail address of a listed host', { to: 'someone@api.example.com' }],
    ['a URL with credentials', { url: 'https://user:pass@api.example.com/' }],
    ['another scheme', { url: 'grpc://api.example.com:1/' }],
    ['a protocol-relative URL', { url: '//api.example.com/x' }],
    ['a URL within a text', { text: 'see https://api.example.com/a, please.' }],
    ['an exempt text', { url: 'https://api.example.com/', body: 'http://127.0.0.1/' }],
    ['other texts beside it', { url: 'https://api.example.com/', note: 'all fine. v1.2 of 12:30', raw: true, max: 5 }],
  ]
  for (const [what, value] of allowed) it(`allows ${what}`, () => assert.ok(isAllowed(value)))

  const denied: readonly (readonly [string, unknown])[] = [
    ['another host', { url: 'https://evil.example/' }],
    ['the bare domain of a wildcard', { url: 'https://example.org/' }],
    ['a name that only ends alike', { url: 'https://notexample.org/' }],
    ['a listed name as a label of another', { url: 'https://api.example.com.evil.example/' }],
    ['a listed name as user', { url: 'https://api.example.com@evil.example/' }],
    ['a listed name as user and password', { url: 'https://api.example.com:443@evil.example/' }],
    ['two at-signs', { url: 'https://a@api.example.com@evil.example/' }],
    ['a back-slash', { url: 'https://api.example.com\\@evil.example/' }],
    ['mixed slashes', { url: 'http:/\\evil.example/' }],
    ['mixed slashes before a listed host', { url: 'http:/\\api.example.com/' }],
    ['no slashes', { url: 'http:evil.example' }],
    ['many slashes', { url: 'http:////evil.example' }],
    ['a fragment with an at-sign', { url: 'https://api.example.com#@evil.example/' }],
    ['a query with an at-sign before any slash', { url: 'https://api.example.com?@evil.example/' }],
    ['a tab within the host', { url: 'https://api.example.com\t.evil.example/' }],
    ['a line end within the scheme', { text: 'ht\ntp://evil.example/' }],
    ['leading blanks', { url: '  https://evil.example/' }],
    ['a nested URL', { url: 'https://api.example.com/?to=http://127.0.0.1/' }],
    ['an encoded nested URL', { url: 'https://api.example.com/?to=http%3A%2F%2F127.0.0.1%2F' }],
    ['a second URL in a text', { text: 'https://api.example.com/ https://evil.example/' }],
    ['a protocol-relative URL', { url: '//evil.example/x' }],
    ['one within quotes', { html: '<a href="//evil.example/x">' }],
    ['a URL as a key', { url: 'https://api.example.com/', headers: { 'http://evil.example/': 1 } }],
    ['a bare host in another argument', { url: 'https://api.example.com/', proxy_to: 'evil.example:3128' }],
    ['an address in a text', { url: 'https://api.example.com/', note: 'then ask 169.254.169.254 for it' }],
    ['an odd address', { url: 'https://api.example.com/', target: '0x7f.0.0.1' }],
    ['an e-mail address elsewhere', { url: 'https://api.example.com/', to: 'a@api.example.com, b@evil.example' }],
    ['a full-width host', { url: 'https://ｅｖｉｌ.example/' }],
    ['an unlisted port', { url: 'http://[::1]:8081/' }],
    ['an unlisted port of a name', { url: 'https://ports.example/' }],
    ['a number as host', { host: 2130706433 }],
    ['an invalid URL', { url: 'http://[::1' }],
    ['a URL without host', { url: 'file:///etc/passwd' }],
    ['a data URL', { url: 'data:text/plain,x' }],
    ['no host', { query: 'x' }],
    ['no arguments', {}],
    ['a text that is too long', { text: `https://api.example.com/${'.'.repeat(70_000)}` }],
  ]
  for (const [what, value] of denied) it(`denies ${what}`, () => assert.ok(!isAllowed(value)))
})

describe('deniedDomains', () => {
  it('denies what it lists, and asks for no host', () => {
    const denying = policyWithin({ deniedDomains: ['*.evil.example', '127.0.0.1'] })
    assert.equal(decideOn(denying, { url: 'https://a.evil.example/' }).decision, 'deny')
    assert.equal(decideOn(denying, { url: 'http://0x7f000001:99/' }).decision, 'deny')
    assert.equal(decideOn(denying, { query: 'x' }).decision, 'allow')
  })
})

describe('private hosts', () => {
  const hosts = [
    '127.0.0.1',
    '0.0.0.0',
    '10.0.0.1',
    '172.31.0.1',
    '192.168.0.1',
    '169.254.169.254',
    '100.64.0.1',
    '224.0.0.1',
    '255.255.255.255',
    '[::]',
    '[::1]',
    '[fe80::1]',
    '[fc00::1]',
    '[ff02::1]',
    '[::ffff:7f00:1]',
    '[::7f00:1]',
    '[64:ff9b::7f00:1]',
    '[2002:7f00:1::]',
    'localhost',
    'a.localhost',
    'printer.local',
    'intranet',
    'metadata.google.internal',
    '127.0.0.1.nip.io',
    'x.10-0-0-1.sslip.io',
    '2130706433',
    '0177.1',
    '127.1',
  ]
  for (const host of hosts) it(`holds ${host} for private`, () => assert.equal(parseHost(host)?.isPrivate, true))

  for (const host of ['1.1.1.1', '[2606:4700::1111]', 'example.com', '172.32.0.1', '100.128.0.1']) {
    it(`holds ${host} for public`, () => assert.equal(parseHost(host)?.isPrivate, false))
  }
})

describe('parseHost, as a property', () => {
  const host = fc.oneof(
    fc.domain(),
    fc.ipV4(),
    fc.ipV4Extended(),
    fc.ipV6().map((address) => `[${address}]`),
    fc.string({ unit: anyCharacter, maxLength: 20 }),
  )

  it('names what WHATWG URL names, or refuses', () => {
    fc.assert(
      fc.property(host, (text) => {
        const parsed = parseHost(text)
        if (parsed === undefined) return
        const { hostname } = new URL(`http://${text}/`)
        const plain = hostname.replace(/^\[|\]$|\.$/g, '')
        if (plain.includes(':') && !parsed.name.includes(':')) assert.match(plain, /^(?:::|64:ff9b::)/)
        else assert.equal(parsed.name, plain)
      }),
      { numRuns: 5_000, seed: 7 },
    )
  })

  it('lists exactly the names that end in a wildcard suffix', () => {
    const entry = parseAllowedHost('*.example.org')
    assert.ok(typeof entry !== 'string')
    fc.assert(
      fc.property(fc.domain(), (name) => {
        const below = parseHost(`${name}.example.org`)
        const other = parseHost(name)
        assert.ok(below !== undefined && isListed(below, undefined, [entry]))
        assert.ok(other !== undefined && !isListed(other, undefined, [entry]))
      }),
      { numRuns: 300, seed: 8 },
    )
  })

  it('never allows a URL whose WHATWG host is not listed', () => {
    const part = fc.constantFrom(
      'api.example.com',
      'evil.example',
      '@',
      ':',
      '/',
      '\\',
      '#',
      '?',
      '.',
      '//',
      '%40',
      '%2f',
      '\t',
      ' ',
      '127.0.0.1',
      '[::1]',
      'x',
      '443',
    )
    const url = fc
      .tuple(fc.constantFrom('http:', 'https://', '//', 'HTTP:/', 'ws:\\\\', ''), fc.array(part, { maxLength: 6 }))
      .map(([scheme, parts]) => scheme + parts.join(''))
    const strict = policyWithin({ allowedDomains: ['api.example.com'] })
    fc.assert(
      fc.property(url, (text) => {
        if (decideOn(strict, { url: text }).decision !== 'allow') return
        const absolute = /^\s*[a-z]+:/i.test(text)
          ? text
          : text.trim().startsWith('//')
            ? `http:${text.trim()}`
            : `http://${text.trim()}`
        assert.equal(new URL(absolute).hostname.replace(/\.$/, ''), 'api.example.com', text)
      }),
      { numRuns: 5_000, seed: 9 },
    )
  })
})
