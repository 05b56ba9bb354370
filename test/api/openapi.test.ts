// /openapi.json, looked at structurally: every route describes its success and its refusals.
import assert from 'node:assert/strict'
import { after, before, describe, it } from 'node:test'
import { type ApiHarness, startApiHarness } from '../support/api-harness.ts'

interface Operation {
  readonly summary?: string
  readonly security?: readonly Record<string, readonly string[]>[]
  readonly parameters?: readonly { readonly name: string; readonly schema?: object; readonly description?: string }[]
  readonly responses: Readonly<
    Record<
      string,
      { readonly description: string; readonly content?: Readonly<Record<string, { readonly schema?: object }>> }
    >
  >
}
interface Description {
  readonly openapi: string
  readonly paths: Readonly<Record<string, Readonly<Record<string, Operation>>>>
  readonly components: { readonly schemas: object; readonly securitySchemes: object }
}

let harness: ApiHarness
let description: Description
before(async () => {
  harness = await startApiHarness()
  description = (await (await harness.api.app.request('/openapi.json')).json()) as Description
})
after(() => harness.close())

function operations(): readonly (readonly [string, Operation])[] {
  return Object.entries(description.paths).flatMap(([path, methods]) =>
    Object.entries(methods).map(([method, operation]) => [`${method.toUpperCase()} ${path}`, operation] as const),
  )
}

describe('/openapi.json', () => {
  it('is OpenAPI 3.1 and names every route of the app', () => {
    assert.equal(description.openapi, '3.1.0')
    const served = harness.api.app.routes
      .filter(({ method, path }) => method !== 'ALL' && path !== '/openapi.json')
      .map(({ method, path }) => `${method} ${path.replace(/:([a-z]+)/g, '{$1}')}`)
    assert.deepEqual(
      [...new Set(served)].sort(),
      operations()
        .map(([name]) => name)
        .sort(),
    )
  })

  it('gives every route a summary, a success with a schema, and refusals with the schema of a problem', () => {
    for (const [name, { summary, responses }] of operations()) {
      assert.ok(summary !== undefined && summary.length > 0, name)
      const statuses = Object.keys(responses)
      assert.ok(
        statuses.some((status) => status.startsWith('2')) && statuses.some((status) => status.startsWith('4')),
        name,
      )
      for (const [status, { content = {} }] of Object.entries(responses)) {
        const media = Object.entries(content)
        assert.ok(media.length > 0 && media.every(([, { schema }]) => schema !== undefined), `${name} ${status}`)
        if (status.startsWith('4')) assert.ok('application/problem+json' in content, `${name} ${status}`)
      }
    }
  })

  it('names the one scope that each route under /v1 needs: approve for what lets calls through, admin for what erases or widens, operate for what writes or shows arguments, read for the rest', () => {
    for (const [name, { security = [] }] of operations()) {
      if (!name.includes(' /v1/')) continue
      const writing = /\/approve$|\/approvals\//.test(name)
        ? 'approve'
        : /erasures|holds|policies|prunings/.test(name)
          ? 'admin'
          : 'operate'
      assert.deepEqual(security, [{ bearer: [/^POST|recorded-calls$|bundle$/.test(name) ? writing : 'read'] }], name)
    }
  })

  it('describes parameters by schema, and resolves every reference', () => {
    const text = JSON.stringify(description)
    for (const [name, { parameters = [] }] of operations())
      for (const parameter of parameters) assert.notEqual(parameter.schema, undefined, `${name} ${parameter.name}`)
    for (const [, reference = ''] of text.matchAll(/"\$ref":"#\/components\/schemas\/([^"]+)"/g))
      assert.ok(reference in description.components.schemas, reference)
    assert.match(text, /Hash of the event that recorded it/)
  })
})
