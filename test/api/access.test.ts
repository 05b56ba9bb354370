// Who may call the API, from where, and in what form: everything that is refused before a handler runs.
import assert from 'node:assert/strict'
import { after, before, describe, it } from 'node:test'
import { type ApiHarness, startApiHarness } from '../support/api-harness.ts'
import { problemOf } from '../support/problem.ts'

let harness: ApiHarness
before(async () => {
  harness = await startApiHarness({
    settings: {
      allowedHosts: ['guard.example', 'other.example:8443'],
      allowedOrigins: ['https://console.example'],
      limits: { wrongTokensPerMinute: 3, bodyBytes: 1_000 },
    },
  })
})
after(() => harness.close())

const rule = { scope: { session: 's' }, tool: '*', action: 'deny', expiresIn: 60, reason: 'a test' }
const hash = '0'.repeat(64)
const readRoutes = [
  '/v1/status',
  '/v1/events',
  '/v1/calls',
  '/v1/alerts',
  '/v1/rules',
  '/v1/verify',
  '/v1/stream',
  '/metrics',
]
const writeRoutes: readonly [string, object | undefined][] = [
  ['/v1/rules', rule],
  [`/v1/rules/${hash}/lift`, { reason: 'a test' }],
  [`/v1/alerts/${hash}/acknowledge`, { reason: 'a test' }],
  [`/v1/alerts/${hash}/close`, { reason: 'a test' }],
  ['/v1/verify', undefined],
]

function post(
  body: unknown,
  type = 'application/json',
): { method: string; body: string; headers: Record<string, string> } {
  return {
    method: 'POST',
    body: typeof body === 'string' ? body : JSON.stringify(body),
    headers: { 'content-type': type },
  }
}

describe('authentication', () => {
  for (const path of readRoutes) {
    it(`answers 401 without a token and 403 without the scope read: ${path}`, async () => {
      const anonymous = await harness.api.app.request(path)
      assert.equal(anonymous.headers.get('www-authenticate'), 'Bearer realm="toolwarden"')
      assert.equal((await problemOf(anonymous, 401)).code, 'UNAUTHORIZED')
      const other = await harness.request(path, { scopes: ['operate', 'approve', 'admin'] })
      assert.match(other.headers.get('www-authenticate') ?? '', /error="insufficient_scope", scope="read"/)
      assert.equal((await problemOf(other, 403)).code, 'FORBIDDEN')
    })
  }

  for (const [path, body] of writeRoutes) {
    it(`answers 403 without the scope operate: POST ${path}`, async () => {
      const init = body === undefined ? { method: 'POST' } : post(body)
      const response = await harness.request(path, { ...init, scopes: ['read', 'approve', 'admin'] })
      assert.match((await problemOf(response, 403)).message, /lacks the scope operate/)
    })
  }

  it('slows wrong tokens down and still takes right ones, when many were wrong', async () => {
    const answers: number[] = []
    for (let attempt = 0; attempt < 5; attempt++) {
      const headers = { authorization: `Bearer twd_${'x'.repeat(43)}` }
      answers.push((await harness.api.app.request('/v1/status', { headers })).status)
    }
    assert.deepEqual(answers, [401, 401, 401, 429, 429])
    assert.equal((await harness.request('/v1/status')).status, 200)
    const metrics = await (await harness.request('/metrics')).text()
    assert.match(metrics, /toolwarden_api_refused_tokens_total\{reason="wrong"\} 5/)
  })

  it('repeats no part of a token, whatever was wrong with it', async () => {
    const secret = 'twd_a-secret-that-must-not-come-back'
    for (const authorization of [`Bearer ${secret}`, `Basic ${secret}`, secret]) {
      const text = await (await harness.api.app.request('/v1/status', { headers: { authorization } })).text()
      assert.doesNotMatch(text, /secret/)
    }
    assert.equal(harness.logged.length, 0)
  })

  it('takes no token from the query', async () => {
    const token = await harness.token('read')
    const refused = await problemOf(await harness.api.app.request(`/v1/status?token=${token}`), 400)
    assert.equal(refused.where, 'query token')
    assert.doesNotMatch(JSON.stringify(refused), new RegExp(token))
  })

  it('leaves /healthz open', async () => {
    assert.deepEqual(await (await harness.api.app.request('/healthz')).json(), { status: 'ok' })
  })
})

describe('the guard of hosts and origins', () => {
  const hosts: readonly [string, number][] = [
    ['localhost', 200],
    ['localhost:8787', 200],
    ['127.0.0.1:1', 200],
    ['[::1]:8787', 200],
    ['GUARD.example:8787', 200],
    ['other.example:8443', 200],
    ['other.example', 403],
    ['attacker.example', 403],
    ['127.0.0.1.attacker.example', 403],
    ['localhost.attacker.example:8787', 403],
    ['', 403],
  ]
  for (const [host, status] of hosts) {
    it(`answers ${status} to Host "${host}"`, async () => {
      assert.equal((await harness.request('/v1/status', { headers: { host } })).status, status)
    })
  }

  const origins: readonly [string, number][] = [
    ['http://127.0.0.1:8787', 200],
    ['https://console.example', 200],
    ['http://console.example', 403],
    ['http://127.0.0.1:9999', 403],
    ['https://attacker.example', 403],
    ['null', 403],
  ]
  for (const [origin, status] of origins) {
    it(`answers ${status} to Origin ${origin}`, async () => {
      assert.equal((await harness.request('/v1/status', { headers: { origin } })).status, status)
    })
  }

  it('answers the preflight of a configured origin, and of no other', async () => {
    const ask = (origin: string) =>
      harness.api.app.request('/v1/rules', {
        method: 'OPTIONS',
        headers: { origin, 'access-control-request-method': 'POST' },
      })
    const allowed = await ask('https://console.example')
    assert.equal(allowed.headers.get('access-control-allow-origin'), 'https://console.example')
    assert.equal((await ask('https://attacker.example')).status, 403)
  })

  it('sets headers that keep every answer from being run, framed, sniffed or kept', async () => {
    for (const path of ['/v1/status', '/nowhere', '/healthz']) {
      const { headers } = await harness.request(path)
      assert.match(headers.get('content-security-policy') ?? '', /default-src 'none'/)
      assert.equal(headers.get('x-content-type-options'), 'nosniff')
      assert.equal(headers.get('cache-control'), 'no-store')
    }
  })
})

describe('bad input', () => {
  const long = 'x'.repeat(2_000)
  const queries: readonly [string, string][] = [
    ['/v1/events?limit=0', 'query limit'],
    ['/v1/events?limit=501', 'query limit'],
    ['/v1/events?limit=ten', 'query limit'],
    ['/v1/events?limit=1&limit=2', 'query limit'],
    ['/v1/events?from=yesterday', 'query from'],
    ['/v1/events?from=2026-02-30T00:00:00Z', 'query from'],
    ['/v1/events?to=2026-11-22', 'query to'],
    ['/v1/events?from=2026-11-22T13:00:00Z&to=2026-11-22T13:00:00%2B01:00', 'query from'],
    ['/v1/events?cursor=nonsense', 'query cursor'],
    ['/v1/events?type=DROP%20TABLE', 'query type'],
    ['/v1/events?colour=red', 'query colour'],
    ['/v1/calls?decision=maybe', 'query decision'],
    ['/v1/calls?status=fine', 'query status'],
    ['/v1/calls?tool=', 'query tool'],
    ['/v1/calls/not-an-id', 'path id'],
    ['/v1/alerts?state=gone', 'query state'],
    ['/v1/alerts?severity=9', 'query severity'],
    ['/v1/stream?types=everything', 'query types'],
  ]
  for (const [path, where] of queries) {
    it(`names the field: GET ${path}`, async () => {
      const refused = await problemOf(await harness.request(path), 400)
      assert.deepEqual([refused.code, refused.where], ['REQUEST_INVALID', where])
      assert.notEqual(refused.fix, undefined)
    })
  }

  const bodies: readonly [string, unknown, string][] = [
    ['an allowing rule', { ...rule, action: 'allow' }, 'body action'],
    ['a rule for everyone', { ...rule, scope: { server: 'files' } }, 'body scope'],
    ['a rule of two hours', { ...rule, expiresIn: 7_200 }, 'body expiresIn'],
    ['a rule without a reason', { ...rule, reason: '  ' }, 'body reason'],
    ['a misspelt field', { ...rule, toolclass: 'read' }, 'body toolclass'],
    ['an array', [rule], 'body'],
    ['broken JSON', '{"scope":', 'body'],
    ['a prototype', '{"__proto__": {"action": "allow"}}', 'body scope'],
  ]
  for (const [name, body, where] of bodies) {
    it(`refuses ${name}`, async () => {
      const refused = await problemOf(await harness.request('/v1/rules', post(body)), 400)
      assert.deepEqual([refused.code, refused.where], ['REQUEST_INVALID', where])
    })
  }

  it('refuses bodies that are too large with 413, announced or not', async () => {
    const announced = post({ ...rule, reason: long })
    const headers = { ...announced.headers, 'content-length': String(announced.body.length) }
    await problemOf(await harness.request('/v1/rules', { ...announced, headers }), 413)
    await problemOf(await harness.request('/v1/rules', announced), 413)
  })

  for (const type of [
    'text/plain',
    'application/x-www-form-urlencoded',
    'application/json-patch+json',
    'application/json; charset=latin1',
  ]) {
    it(`refuses a body of type ${type} with 415`, async () => {
      assert.equal(
        (await problemOf(await harness.request('/v1/rules', post(rule, type)), 415)).where,
        'header Content-Type',
      )
    })
  }

  it('answers an unknown route with 404 and a wrong method with 405', async () => {
    assert.equal((await problemOf(await harness.request('/v2/events'), 404)).code, 'NOT_FOUND')
    const response = await harness.request('/v1/events', { method: 'DELETE' })
    assert.match(response.headers.get('allow') ?? '', /GET/)
    await problemOf(response, 405)
  })

  it('says of a store that is away that it is, and logs it with the id of the answer', async () => {
    const refused = await problemOf(await harness.request('/v1/events'), 503)
    assert.equal(refused.code, 'STORE_UNAVAILABLE')
    assert.equal((harness.logged.at(-1)?.details as { id?: string } | undefined)?.id, refused.id)
    const ready = await harness.api.app.request('/readyz')
    assert.equal(ready.status, 503)
    assert.match(await ready.text(), /the store does not answer/)
  })
})
