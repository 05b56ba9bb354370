// A server for the official conformance suite, in both eras of MCP over Streamable HTTP and in the older one over stdio:
// the suite's own is in no package. `conformance-server.js` on stdio, `conformance-server.js http` on a free port.
import { randomUUID } from 'node:crypto'
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import { createInterface } from 'node:readline'
import { type Json, RpcError } from './conformance-content.ts'
import { type Channel, createLegacySession } from './conformance-legacy.ts'
import { answerModern, type Subscribers, speaksModern, statusOf } from './conformance-modern.ts'
import { ResumableStream } from './conformance-stream.ts'

const OWN_NAME = /^(?:https?:\/\/)?(?:localhost|127\.0\.0\.1|\[::1\])(?::\d+)?$/

/** A session of the older era with the streams that its client may come back to. */
interface Session {
  readonly take: ReturnType<typeof createLegacySession>
  readonly streams: Map<string, ResumableStream>
}

const sessions = new Map<string, Session>()
const subscribers: Subscribers = new Set()

if (process.argv[2] === 'http') {
  const server = createServer((request, response) => {
    handle(request, response).catch((error: unknown) => {
      console.error(error)
      response.destroy()
    })
  })
  server.listen(0, '127.0.0.1', () => {
    console.log(`listening on http://localhost:${(server.address() as AddressInfo).port}/mcp`)
  })
} else {
  const take = createLegacySession()
  const channel: Channel = {
    send: (message) => process.stdout.write(`${JSON.stringify(message)}\n`),
    drop: () => undefined,
  }
  for await (const line of createInterface({ input: process.stdin })) void take(JSON.parse(line) as Json, channel)
}

async function handle(request: IncomingMessage, response: ServerResponse): Promise<void> {
  const { host = '', origin } = request.headers
  if (!OWN_NAME.test(host) || (origin !== undefined && !OWN_NAME.test(origin))) return end(response, 403)
  if (request.method === 'POST') return post(request, response)
  const id = String(request.headers['mcp-session-id'] ?? '')
  const session = sessions.get(id)
  if (session === undefined) return end(response, id === '' ? 400 : 404)
  if (request.method === 'DELETE') {
    sessions.delete(id)
    return end(response, 200)
  }
  if (request.method !== 'GET') return end(response, 405)
  const lastId = String(request.headers['last-event-id'] ?? '')
  const stream = session.streams.get(lastId.split('_')[0] ?? '') ?? new ResumableStream()
  stream.attach(response, lastId)
}

async function post(request: IncomingMessage, response: ServerResponse): Promise<void> {
  const chunks: Buffer[] = []
  for await (const chunk of request as AsyncIterable<Buffer>) chunks.push(chunk)
  const message = JSON.parse(Buffer.concat(chunks).toString('utf8')) as Json
  if (speaksModern(message, request.headers)) return postModern(request, message, response)
  return postLegacy(request, message, response)
}

async function postLegacy(request: IncomingMessage, message: Json, response: ServerResponse): Promise<void> {
  const known = String(request.headers['mcp-session-id'] ?? '')
  const id = message.method === 'initialize' && known === '' ? randomUUID() : known
  if (id !== known) sessions.set(id, { take: createLegacySession(), streams: new Map() })
  const session = sessions.get(id)
  if (session === undefined) return end(response, id === '' ? 400 : 404)
  const stream = new ResumableStream()
  if (message.id === undefined || message.method === undefined) {
    await session.take(message, stream)
    return end(response, 202)
  }
  session.streams.set(stream.id, stream)
  response.setHeader('mcp-session-id', id)
  stream.attach(response, '')
  await session.take(message, stream)
  stream.end()
}

async function postModern(request: IncomingMessage, message: Json, response: ServerResponse): Promise<void> {
  const { id } = message
  if (id === undefined) return end(response, 202)
  const begin = (): void => {
    if (!response.headersSent) response.writeHead(200, { 'content-type': 'text/event-stream' })
  }
  const write = (written: Json): void => void response.write(`data: ${JSON.stringify(written)}\n\n`)
  const notify = (method: string, params: Json): void => {
    begin()
    write({ jsonrpc: '2.0', method, params })
  }
  // A client that names events first gets events.
  if (String(request.headers.accept).startsWith('text/event-stream')) begin()
  const gone = new Promise<void>((resolve) => response.once('close', () => resolve()))
  const { status, answer } = await answerModern({ headers: request.headers, message, subscribers, notify, gone })
    .then((result) => ({ status: 200, answer: result && { jsonrpc: '2.0', id, result } }))
    .catch((error: unknown) => {
      if (!(error instanceof RpcError)) throw error
      const { code, message: text, data } = error
      return { status: statusOf(error), answer: { jsonrpc: '2.0', id, error: { code, message: text, data } } }
    })
  if (answer === undefined) return
  if (response.headersSent) {
    write(answer)
    response.end()
    return
  }
  response.writeHead(status, { 'content-type': 'application/json' }).end(JSON.stringify(answer))
}

function end(response: ServerResponse, status: number): void {
  response.writeHead(status).end()
}
