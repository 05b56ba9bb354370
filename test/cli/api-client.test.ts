// What the command line makes of answers that the API would not give.
import assert from 'node:assert/strict'
import { createServer, type Server } from 'node:http'
import type { AddressInfo } from 'node:net'
import { describe, it } from 'node:test'
import { callApi } from '../../cli/api-client.ts'
import { withCode } from '../support/errors.ts'

/** Calls a server that answers anything with this. */
async function call(status: number, body: string): Promise<unknown> {
  const server: Server = createServer((_, response) => void response.writeHead(status).end(body))
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  try {
    const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`
    return await callApi(url, '/v1/status', { method: 'GET', token: 'secret-token' })
  } finally {
    server.closeAllConnections()
    server.close()
  }
}

describe('an answer to the command line', () => {
  for (const [status, body] of [
    [200, '<html>another program</html>'],
    [502, 'Bad Gateway'],
    [500, ''],
    [200, 'null'],
  ] as const)
    it(`of status ${status} that is not the API's (${JSON.stringify(body)}) says so, and what to look at`, async () => {
      await assert.rejects(call(status, body), (error) => {
        assert.ok(withCode('STORE_UNAVAILABLE')(error))
        assert.match(error instanceof Error && 'fix' in error ? String(error.fix) : '', /toolwarden status/)
        return true
      })
    })

  it('that is a problem keeps its words', async () => {
    const problem = '{"code":"NOT_FOUND","message":"no such call","fix":"list them"}'
    await assert.rejects(call(404, problem), { code: 'NOT_FOUND', message: 'no such call', fix: 'list them' })
  })
})
