// The API on a real port: binding, stopping, and what Node itself refuses.
import assert from 'node:assert/strict'
import { connect } from 'node:net'
import { after, before, describe, it } from 'node:test'
import { Registry } from 'prom-client'
import { startApi } from '../../api/server.ts'
import { apiSettings } from '../../api/settings.ts'
import { type ApiHarness, startApiHarness } from '../support/api-harness.ts'
import { EventStream } from '../support/event-stream.ts'

let harness: ApiHarness
before(async () => {
  harness = await startApiHarness()
})
after(() => harness.close())

const start = (settings: object) =>
  startApi({ ...harness.dependencies, registry: new Registry(), settings: apiSettings.parse({ port: 0, ...settings }) })

describe('the API on a port', () => {
  it('answers, and is gone after a stop that ends its streams', async () => {
    const running = await start({})
    const headers = { authorization: `Bearer ${await harness.token('read')}` }
    assert.equal((await fetch(`${running.url}/healthz`)).status, 200)
    const stream = new EventStream(await fetch(`${running.url}/v1/stream`, { headers }))
    assert.equal((await stream.next())?.comment, 'connected')
    const startedAt = performance.now()
    await running.stop()
    assert.ok(performance.now() - startedAt < 1_500)
    assert.equal(await stream.nextEvent(), undefined)
    await assert.rejects(fetch(`${running.url}/healthz`))
  })

  it('takes a POST without a body, as clients send it', async () => {
    const running = await start({})
    const headers = { authorization: `Bearer ${await harness.token('operate')}` }
    assert.equal((await fetch(`${running.url}/v1/verify?wait=true`, { method: 'POST', headers })).status, 200)
    await running.stop()
  })

  it('refuses a request target that names another host than the header', async () => {
    const running = await start({})
    const socket = connect(running.port, '127.0.0.1')
    socket.end('GET http://attacker.example/healthz HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n')
    const answer = (await socket.setEncoding('utf8').toArray()).join('')
    assert.match(answer, /^HTTP\/1\.1 403 /)
    await running.stop()
  })

  it('says which port is in use and what to do', async () => {
    const running = await start({})
    await assert.rejects(start({ port: running.port }), {
      code: 'PORT_IN_USE',
      where: `127.0.0.1:${running.port}`,
      fix: /api\.port/,
    })
    await running.stop()
  })

  for (const host of ['0.0.0.0', '::', '192.0.2.1', 'guard.example', '127.0.0.1.example']) {
    it(`refuses to bind ${host} unless that is said explicitly`, async () => {
      await assert.rejects(start({ host }), { code: 'CONFIG_INVALID', where: 'api.host' })
    })
  }

  it('binds beyond loopback when that is said explicitly', async () => {
    const running = await start({ host: '0.0.0.0', allowRemote: true })
    assert.equal((await fetch(`http://127.0.0.1:${running.port}/healthz`)).status, 200)
    await running.stop()
  })

  it('refuses a host that cannot be bound', async () => {
    await assert.rejects(start({ host: '192.0.2.1', allowRemote: true }), {
      code: 'CONFIG_INVALID',
      where: /192\.0\.2\.1/,
    })
  })
})
