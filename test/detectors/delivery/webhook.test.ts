// Webhooks over real HTTP: what reaches a receiver, what is not believed of it, and which addresses are not reached at all.
import assert from 'node:assert/strict'
import { createHmac } from 'node:crypto'
import { after, before, beforeEach, describe, it } from 'node:test'
import { inspect } from 'node:util'
import type { Attempt } from '../../../detectors/delivery/destination.ts'
import { findAddressProblem } from '../../../detectors/delivery/safe-address.ts'
import { alertSettings } from '../../../detectors/delivery/settings.ts'
import { createWebhook } from '../../../detectors/delivery/webhook.ts'
import { parseSecrets } from '../../../detectors/delivery/webhook-message.ts'
import { withCode } from '../../support/errors.ts'
import { raised, SECRET } from './notices.ts'
import { Receiver } from './receiver.ts'

let receiver: Receiver
before(async () => {
  receiver = await Receiver.start()
})
after(() => receiver.stop())
beforeEach(() => {
  receiver.received.length = 0
  receiver.answer = (response) => response.writeHead(204).end()
})

function webhookAt(url: string, changes: object = {}): ReturnType<typeof createWebhook> {
  const entry = { name: 'hook', urlEnv: 'HOOK', secretEnv: 'SECRET', ...changes }
  const [settings] = alertSettings.parse({ webhooks: [entry] }).webhooks
  assert.ok(settings !== undefined)
  return createWebhook({ settings, url, secrets: parseSecrets(SECRET, 'test'), software: 'toolwarden/test' })
}

function send(changes: object = {}): Promise<Attempt> {
  return webhookAt(receiver.url, changes).send(raised(), 1_700_000_000_000)
}

describe('webhook', () => {
  it('receives the alert with a signature that holds over the bytes that came', async () => {
    assert.deepEqual(await send(), { type: 'delivered' })
    const [{ headers, body }] = receiver.received as [Receiver['received'][number]]
    const content = `${headers['webhook-id']}.${headers['webhook-timestamp']}.${body}`
    const mac = createHmac('sha256', parseSecrets(SECRET, 'test')[0] ?? '').update(content)
    assert.equal(headers['webhook-signature'], `v1,${mac.digest('base64')}`)
    const { type, data } = JSON.parse(body) as { type: string; data: { alert: string; tags: object[] } }
    assert.equal(type, 'alert.raised')
    assert.equal(data.alert, raised().alert)
  })

  it('is not followed to where it redirects', async () => {
    receiver.answer = (response) => response.writeHead(307, { location: receiver.url }).end()
    assert.deepEqual(await send(), { type: 'failed', reason: 'it answered 307; redirects are not followed' })
    assert.equal(receiver.received.length, 1)
  })

  it('that never answers has failed when its time is over', async () => {
    receiver.answer = () => undefined
    assert.deepEqual(await send({ timeoutMs: 200 }), { type: 'failed', reason: 'no answer within 200 ms' })
  })

  it('that answers without end is left after its status', async () => {
    receiver.answer = (response) => {
      response.writeHead(200)
      const timer = setInterval(() => response.write(Buffer.alloc(64 * 1024)), 1)
      response.on('close', () => clearInterval(timer))
    }
    assert.deepEqual(await send(), { type: 'delivered' })
  })

  it('may ask for a pause of at most an hour, and say that it is gone', async () => {
    receiver.answer = (response) => response.writeHead(503, { 'retry-after': '86400' }).end()
    assert.deepEqual(await send(), { type: 'failed', reason: 'it answered 503', retryAfterMs: 3_600_000 })
    receiver.answer = (response) => response.writeHead(410).end()
    assert.deepEqual(await send(), { type: 'failed', reason: 'it answered 410', isFinal: true })
  })

  it('that is not there has failed, and its address is not told', async () => {
    const attempt = await webhookAt('http://127.0.0.1:1/secret-path').send(raised(), 0)
    assert.deepEqual(attempt, { type: 'failed', reason: 'ECONNREFUSED' })
  })
})

describe('address of a webhook', () => {
  for (const url of [
    'http://example.com/hook',
    'http://10.0.0.1/hook',
    'http://[::2]/hook',
    'https://169.254.169.254/latest/meta-data',
    'https://[fe80::1]/hook',
    'https://[::ffff:169.254.169.254]/hook',
    'https://0.0.0.0/hook',
    'https://user:secret-path@example.com/',
    'ftp://example.com/',
    'secret-path',
  ])
    it(`${url} is refused, and not quoted`, () => {
      assert.throws(
        () => webhookAt(url),
        (error: unknown) => withCode('CONFIG_INVALID')(error) && !inspect(error).includes('secret-path'),
      )
    })

  it('is judged by what a name resolves to', () => {
    assert.equal(findAddressProblem('127.0.0.1', 'http:'), undefined)
    assert.equal(findAddressProblem('192.168.1.10', 'https:'), undefined)
    assert.match(findAddressProblem('192.168.1.10', 'http:') ?? '', /use https/)
    assert.match(findAddressProblem('169.254.169.254', 'https:') ?? '', /no webhook/)
  })

  for (const address of [
    '::ffff:169.254.169.254',
    '64:ff9b::a9fe:a9fe',
    '168.63.129.16',
    '100.100.100.200',
    '192.0.0.192',
  ])
    it(`is not at ${address}, where clouds keep credentials`, () => {
      assert.match(findAddressProblem(address, 'https:') ?? '', /no webhook/)
    })
})
