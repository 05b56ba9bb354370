// The least that an MCP server on Streamable HTTP can be: answers `initialize`, and `tools/call` with its own arguments.
import { createServer } from 'node:http'

const INITIALIZED = {
  protocolVersion: '2025-11-25',
  capabilities: { tools: {} },
  serverInfo: { name: 'http-echo-server', version: '1.0.0' },
}

const server = createServer((request, response) => {
  const chunks: Buffer[] = []
  request.on('data', (chunk: Buffer) => chunks.push(chunk))
  request.on('end', () => {
    const { id, method, params } = JSON.parse(Buffer.concat(chunks).toString('utf8')) as {
      readonly id?: number
      readonly method: string
      readonly params?: { readonly arguments?: unknown }
    }
    if (id === undefined) {
      response.writeHead(202).end()
      return
    }
    const content = [{ type: 'text', text: JSON.stringify(params?.arguments) }]
    const body = JSON.stringify({ jsonrpc: '2.0', id, result: method === 'initialize' ? INITIALIZED : { content } })
    response.writeHead(200, { 'content-type': 'application/json', 'content-length': Buffer.byteLength(body) }).end(body)
  })
})
server.listen(0, '127.0.0.1', () => {
  const address = server.address()
  if (address !== null && typeof address === 'object') console.log(`listening on http://127.0.0.1:${address.port}/mcp`)
})
