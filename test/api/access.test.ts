// Who may call the API, from where, and in what form: everything that is refused before a handler runs.
import assert from 'node:assert/strict'
import { after, before, describe, it } from 'node:test'
import { type ApiHarness, startApiHarness } from '../support/api-harness.ts'

let harness: ApiHarness
before(async () => {
  harness = await startApiHarness({
    settings: { allowedHosts: ['guard.example'], allowedOrigins: ['https://console.example'] },
  })
})
after(() => harness.close())

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
const rule = { scope: { session: 's' }, tool: '*', action: 'deny', expiresIn: 60, reason: 'a test' }
const id = '0'.repeat(64)
const writeRoutes: readonly [string, object | undefined][] = [
  ['/v1/rules', rule],
  [`/v1/rules/${id}/lift`, { reason: 'a test' }],
  [`/v1/alerts/${id}/acknowledge`, { reason: 'a test' }],
  [`/v1/alerts/${id}/close`, { reason: 'a test' }],
  ['/v1/verify', undefined],
]

function post(body: object | undefined): RequestInit {
  if (body === undefined) return { method: 'POST' }
  return { method: 'POST', body: JSON.stringify(body), headers: { 'content-type': 'application/json' } }
}

describe('authentication', () => {
  for (const path of readRoutes) {
    it(`answers 401 without a token and 403 without the scope read: ${path}`, async () => {
      const anonymous = await harness.api.app.request(path)
      assert.equal(anonymous.status, 401)
      assert.match(anonymous.headers.get('www-authenticate') ?? '', /^Bearer/)
      const other = await harness.request(path, { scopes: ['operate', 'approve', 'admin'] })
      assert.equal(other.status, 403)
      assert.match(other.headers.get('www-authenticate') ?? '', /insufficient_scope/)
    })
  }

  for (const [path, body] of writeRoutes) {
    it(`answers 403 without the scope operate: POST ${path}`, async () => {
      const response = await harness.request(path, { ...post(body), scopes: ['read', 'approve', 'admin'] })
      assert.equal(response.status, 403)
      assert.equal(((await response.json()) as { code: string }).code, 'FORBIDDEN')
    })
  }
})
