// Redaction: each format once, near misses left alone, and no text that makes it slow.
import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { redactSecrets } from '../../events/redact.ts'

function redact(text: string): string {
  return redactSecrets(Buffer.from(text)).toString()
}

const letters = 'aB3dE6gH9kL2nO5qR8tU1wX4zA7cF0iJ3mP6sV9y'
const pem = (kind: string): string =>
  `-----BEGIN ${kind}PRIVATE KEY-----\nMIIE\n${letters}\n-----END ${kind}PRIVATE KEY-----`

const secrets: readonly (readonly [string, string])[] = [
  ['private-key', pem('')],
  ['private-key', pem('OPENSSH ')],
  ['private-key', pem('RSA ').replaceAll('\n', '\\n')],
  ['aws-access-key', `AKIA${'A1'.repeat(8)}`],
  ['github-token', `ghp_${letters.slice(0, 36)}`],
  ['github-token', `github_pat_${letters}`],
  ['gitlab-token', `glpat-${letters.slice(0, 20)}`],
  ['slack-token', 'xoxb-1234567890-abcdef'],
  ['stripe-key', `sk_live_${letters.slice(0, 24)}`],
  ['google-api-key', `AIza${letters.slice(0, 35)}`],
  ['anthropic-key', `sk-ant-api03-${letters}`],
  ['openai-key', `sk-proj-${letters}`],
  ['npm-token', `npm_${letters.slice(0, 36)}`],
  ['jwt', `eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiIxMjM0In0.${letters}`],
  ['bearer', `Bearer ${letters}`],
]

const nearMisses: readonly string[] = [
  '-----BEGIN PUBLIC KEY-----\nMIIE\n-----END PUBLIC KEY-----',
  '-----BEGIN PRIVATE KEY----- and nothing after it',
  'AKIA1234',
  `XAKIA${'A1'.repeat(8)}`,
  'ghp_short',
  'xoxb-short',
  'sk-learn',
  'npm_install',
  'eyJhbGciOiJIUzI1NiJ9.plain',
  'Bearer of news',
  'https://example.org:8080/path@2',
  'mail bob@example.org',
  '{"password":""}',
  '{"password":null,"count":3}',
]

describe('redactSecrets', () => {
  for (const [name, secret] of secrets)
    it(`replaces ${secret.slice(0, 24).replaceAll('\n', ' ')}… by the name of its format`, () => {
      assert.equal(redact(`before ${secret} after`), `before [redacted: ${name}] after`)
      assert.equal(redact(JSON.stringify({ a: `x=${secret}` })).includes(secret.slice(-20)), false)
    })

  it('replaces the password in an address, and only that', () => {
    assert.equal(redact('postgres://ada:hunter2@db.example/x'), 'postgres://ada:[redacted: url-password]@db.example/x')
  })

  for (const key of ['password', 'db_passwd', 'clientSecret', 'api_key', 'apiKey', 'Authorization', 'access_token'])
    it(`replaces the value of the key ${key}`, () => {
      assert.equal(redact(`{"${key}" : "hunter2","b":"kept"}`), `{"${key}" : "[redacted: password]","b":"kept"}`)
    })

  it('replaces a password with escapes in it as a whole', () => {
    for (const password of ['a"b', 'back\\slash', 'two\nlines', '"', '\\', 'é'.repeat(4_000)]) {
      const text = redact(JSON.stringify({ password, next: 'kept' }))
      assert.deepEqual(JSON.parse(text), { password: '[redacted: password]', next: 'kept' })
    }
  })

  for (const text of nearMisses)
    it(`leaves ${JSON.stringify(text).slice(0, 40)} alone`, () => assert.equal(redact(text), text))

  it('gives the very bytes back, when there is nothing to redact, even where they are no UTF-8', () => {
    const bytes = Buffer.from('ff00fe', 'hex')
    assert.equal(redactSecrets(bytes), bytes)
  })

  it('leaves valid JSON valid', () => {
    const value = Object.fromEntries(secrets.map(([, secret], index) => [`k${index}`, `a ${secret} "b"`]))
    assert.equal(Object.keys(JSON.parse(redact(JSON.stringify(value))) as object).length, secrets.length)
  })

  it('takes less than two seconds of processor time for 1 MiB of whatever starts a pattern over and over', () => {
    const key = '-----BEGIN PRIVATE KEY-----'
    const units = [
      '-eyJ',
      'eyJaaaaaaaa.',
      '-eyJaaaaaaaa.eyJ',
      key,
      `${key}\n-----EN`,
      '-----BEGIN ',
      `ghp_${'a'.repeat(300)} `,
    ]
    const more = [
      '-sk-',
      'xoxa-',
      'Bearer ',
      'a://a:',
      `x://${'a'.repeat(64)}:`,
      '"password":"',
      '"token" : "a\\',
      'a',
      '"',
      ':',
      '": "',
    ]
    for (const unit of [...units, ...more]) {
      const bytes = Buffer.from(unit.repeat(Math.ceil(2 ** 20 / unit.length)))
      const before = process.cpuUsage()
      redactSecrets(bytes)
      assert.ok(process.cpuUsage(before).user < 2_000_000, unit)
    }
  })
})
