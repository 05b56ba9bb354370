// The fields that the gateway writes for a client on stdio: those that the server's list asks for, in the form that fits.
import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { MirroredArguments } from '../../../gateway/http/mirrored-arguments.ts'
import { findHeaderMismatch } from '../../../gateway/http/mirrored-headers.ts'
import { readClientMessage } from '../../../gateway/message.ts'

const properties = {
  region: { type: 'string', 'x-mcp-header': 'Region' },
  limit: { type: 'integer', 'x-mcp-header': 'Limit' },
  isDry: { type: 'boolean', 'x-mcp-header': 'Dry' },
  where: { type: 'object', properties: { zone: { type: 'string', 'x-mcp-header': 'Zone' } } },
  bad: { type: 'string', 'x-mcp-header': 'no field' },
  plain: { type: 'string' },
}
const list = { result: { tools: [{ name: 'put', inputSchema: { type: 'object', properties } }] } }

function call(
  args: object,
  name = 'put',
): { readonly fields: ReturnType<MirroredArguments['fieldsOf']>; readonly mismatch: unknown } {
  const text = JSON.stringify({ jsonrpc: '2.0', id: 1, method: 'tools/call', params: { name, arguments: args } })
  const message = readClientMessage(Buffer.from(text))
  assert.ok(message.kind === 'request')
  const mirrored = new MirroredArguments()
  mirrored.learn(list)
  const fields = mirrored.fieldsOf(message)
  return { fields, mismatch: findHeaderMismatch(fields, message) }
}

describe('MirroredArguments', () => {
  it('writes the fields that the schema asks for, at any depth, and agrees with the arguments', () => {
    const { fields, mismatch } = call({
      region: 'eu',
      limit: 5,
      isDry: false,
      where: { zone: ' ä' },
      bad: 'x',
      plain: 'y',
    })
    assert.deepEqual(Object.fromEntries(fields), {
      'Mcp-Param-Region': 'eu',
      'Mcp-Param-Limit': '5',
      'Mcp-Param-Dry': 'false',
      'Mcp-Param-Zone': '=?base64?IMOk?=',
    })
    assert.equal(mismatch, undefined)
  })

  it('leaves out what is absent, null or no plain value, and other tools', () => {
    assert.deepEqual(call({ region: null, where: 'x', limit: [1] }).fields, [])
    assert.deepEqual(call({ region: 'eu' }, 'get').fields, [])
  })
})
