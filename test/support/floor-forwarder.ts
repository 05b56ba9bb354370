// The floor of anything that records durably before it forwards: the bytes pass unread but for their ends, and for each
// message of the client one blob is written and fdatasynced before it goes on, and one before its answer does.
// `floor-forwarder.js stdio <command …>` or `floor-forwarder.js http <url>`
import { spawn } from 'node:child_process'
import { type FileHandle, mkdtemp, open } from 'node:fs/promises'
import { Agent, createServer, type IncomingMessage, request, type ServerResponse } from 'node:http'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { Readable, Writable } from 'node:stream'

/** What the events of half a call take. */
const BLOB = Buffer.alloc(1_300, 'x')
const LF = 0x0a

const [mode, target = '', ...args] = process.argv.slice(2)
const file: FileHandle = await open(join(await mkdtemp(join(tmpdir(), 'toolwarden-floor-')), 'log'), 'w')
/** Blobs in flight share a commit. */
let waiting: (() => void)[] = []
let isWriting = false

if (mode === 'http') forwardHttp(new URL(target))
else forwardStdio()

function record(): Promise<void> {
  return new Promise((resolve, reject) => {
    waiting.push(resolve)
    if (!isWriting) commit().catch(reject)
  })
}

async function commit(): Promise<void> {
  isWriting = true
  while (waiting.length > 0) {
    const taken = waiting
    waiting = []
    await file.write(Buffer.concat(taken.map(() => BLOB)))
    await file.datasync()
    for (const resolve of taken) resolve()
  }
  isWriting = false
}

function forwardStdio(): void {
  const server = spawn(target, args, { stdio: ['pipe', 'pipe', 'inherit'] })
  forwardLines(process.stdin, server.stdin)
  forwardLines(server.stdout, process.stdout)
  process.stdin.on('end', () => server.stdin.end())
  server.on('close', () => process.exit(0))
}

function forwardLines(from: Readable, to: Writable): void {
  let parts: Buffer[] = []
  from.on('data', (chunk: Buffer) => {
    let start = 0
    for (let end = chunk.indexOf(LF); end !== -1; end = chunk.indexOf(LF, start)) {
      const line = [...parts, chunk.subarray(start, end + 1)]
      parts = []
      start = end + 1
      record()
        .then(() => to.write(Buffer.concat(line)))
        .catch(fail)
    }
    if (start < chunk.length) parts.push(chunk.subarray(start))
  })
}

function forwardHttp(url: URL): void {
  const agent = new Agent({ keepAlive: true })
  const server = createServer((incoming, response) => {
    forwardExchange(incoming, response, { url, agent }).catch(fail)
  })
  server.listen(0, '127.0.0.1', () => {
    const address = server.address()
    if (address !== null && typeof address === 'object')
      console.log(`listening on http://127.0.0.1:${address.port}/mcp`)
  })
}

async function forwardExchange(
  incoming: IncomingMessage,
  response: ServerResponse,
  { url, agent }: { readonly url: URL; readonly agent: Agent },
): Promise<void> {
  const body = await readAll(incoming)
  await record()
  const answer = await new Promise<IncomingMessage>((resolve, reject) => {
    request(url, { method: 'POST', agent, headers: incoming.headers }, resolve).on('error', reject).end(body)
  })
  const content = await readAll(answer)
  await record()
  response.writeHead(answer.statusCode ?? 502, answer.headers).end(content)
}

async function readAll(stream: Readable): Promise<Buffer> {
  const chunks: Buffer[] = []
  for await (const chunk of stream) chunks.push(chunk as Buffer)
  return Buffer.concat(chunks)
}

function fail(error: unknown): never {
  throw error
}
