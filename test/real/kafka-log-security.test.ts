// The event log over SASL and TLS, and what it says when either is refused.
import assert from 'node:assert/strict'
import { execFileSync } from 'node:child_process'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, describe, it } from 'node:test'
import { inspect } from 'node:util'
import { append, newChain } from '../support/event-log-bench.ts'
import { kafkaSkipReason } from '../support/kafka.ts'
import { KafkaBench, reasonOf } from '../support/kafka-bench.ts'

const USERNAME = 'recorder'
const PASSWORD = 'correct-horse-battery'

const directory = mkdtempSync(join(tmpdir(), 'toolwarden-kafka-tls-'))
after(() => rmSync(directory, { recursive: true, force: true }))
const skip = kafkaSkipReason() || process.env.KAFKA_BROKERS !== undefined ? skipReason() : false
const tls = skip === false ? makeCertificate() : undefined
const bench = new KafkaBench({
  sasl: { username: USERNAME, password: PASSWORD },
  ...(tls === undefined ? {} : { tls }),
})

describe('Kafka with SASL', { skip }, () => {
  it('lets the right password in, given or from a file', async () => {
    const passwordFile = join(directory, 'password')
    writeFileSync(passwordFile, `${PASSWORD}\n`, { mode: 0o600 })
    for (const secret of [{ password: PASSWORD }, { passwordFile }]) {
      const [position] = await append(bench.open(saslSettings(secret)), newChain(), ['in'])
      assert.equal(position?.topic, 'events')
    }
  })

  it('names the refusal and keeps the password to itself, when it is wrong', async () => {
    const error = await reasonOf(bench.open(saslSettings({ password: 'staple-secret' })).prepare())
    assert.equal(error.code, 'LOG_UNAVAILABLE')
    assert.equal(error.retriable, false)
    assert.match(error.message, /refused the user name or password \(plain\)/)
    assert.match(error.fix ?? '', /kafka\.sasl/)
    assert.ok(!inspect(error, { depth: 10 }).includes('staple-secret'))
  })

  it('names the file, when the password file is not there', async () => {
    const error = await reasonOf(bench.open(saslSettings({ passwordFile: '/nowhere/password' })).prepare())
    assert.deepEqual([error.code, error.where], ['CONFIG_INVALID', '/nowhere/password'])
  })

  it('fails within five seconds, when the listener wants a password and none is given', async () => {
    const startedMs = performance.now()
    const { sasl: _, ...settings } = saslSettings({ password: PASSWORD })
    const error = await reasonOf(bench.open(bench.settings({ ...settings })).prepare())
    assert.equal(error.code, 'LOG_UNAVAILABLE')
    assert.ok(performance.now() - startedMs < 5_000)
  })
})

describe('Kafka with TLS', { skip }, () => {
  it('connects, when the authority is trusted', async () => {
    const ssl = { ca: tls?.certificateFile }
    const [position] = await append(bench.open(bench.settings({ brokers: tlsBrokers(), ssl })), newChain(), ['in'])
    assert.equal(position?.topic, 'events')
  })

  it('says that the certificate is not trusted, when its authority is not known', async () => {
    const error = await reasonOf(bench.open(bench.settings({ brokers: tlsBrokers(), ssl: true })).prepare())
    assert.equal(error.code, 'LOG_UNAVAILABLE')
    assert.match(error.message, /the TLS certificate of Kafka at 127\.0\.0\.1:\d+ is not trusted: .*self-signed/)
    assert.match(error.fix ?? '', /kafka\.ssl\.ca/)
  })

  it('fails within five seconds with a hint, when one side speaks TLS and the other does not', async () => {
    const startedMs = performance.now()
    const plain = await reasonOf(bench.open(bench.settings({ brokers: tlsBrokers() })).prepare())
    assert.match(plain.fix ?? '', /a listener with TLS also needs kafka\.ssl/)
    const encrypted = await reasonOf(bench.open(bench.settings({ ssl: true })).prepare())
    assert.match(encrypted.fix ?? '', /kafka\.ssl needs a listener with TLS/)
    assert.ok(performance.now() - startedMs < 10_000)
  })
})

function skipReason(): string {
  return kafkaSkipReason() || 'the broker of KAFKA_BROKERS has listeners of its own'
}

function saslSettings(secret: Record<string, string>) {
  const brokers = [`127.0.0.1:${bench.broker?.listeners.sasl?.port}`]
  return bench.settings({ brokers, sasl: { mechanism: 'plain', username: USERNAME, ...secret } })
}

function tlsBrokers(): string[] {
  return [`127.0.0.1:${bench.broker?.listeners.tls?.port}`]
}

function makeCertificate(): { certificateFile: string; keyFile: string } {
  const [keyFile, certificateFile] = [join(directory, 'key.pem'), join(directory, 'certificate.pem')]
  const request = ['req', '-x509', '-newkey', 'rsa:2048', '-nodes', '-days', '2', '-subj', '/CN=127.0.0.1']
  const files = ['-addext', 'subjectAltName=IP:127.0.0.1', '-keyout', keyFile, '-out', certificateFile]
  execFileSync('openssl', [...request, ...files], { stdio: 'ignore' })
  return { certificateFile, keyFile }
}
