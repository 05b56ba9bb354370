// A witness over HTTP (C2SP tlog-witness): POST /add-checkpoint, and GET /<origin hash>/checkpoint for monitors. No caller is
// known: the signature of the log is what counts. Bodies, headers, connections and times have limits.
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import { systemCode, ToolwardenError } from '../../events/errors.ts'
import { MAX_REQUEST_BYTES } from './add-checkpoint.ts'
import type { Witness, WitnessAnswer } from './witness.ts'
import { originHash } from './witness-files.ts'

const MAX_CONNECTIONS = 256
const MAX_HEADER_BYTES = 8 * 1024
const HEADERS_TIMEOUT_MS = 5_000
const REQUEST_TIMEOUT_MS = 10_000
const SIZE_TYPE = 'text/x.tlog.size'

/** Where a witness answers, and how to end it. */
export interface RunningWitness {
  readonly url: string
  readonly port: number
  stop(): Promise<void>
}

/** Serves a witness. `onProblem` is told what kept it from answering. Throws PORT_IN_USE. */
export async function serveWitness(
  witness: Witness,
  place: { readonly host: string; readonly port: number },
  onProblem: (error: unknown) => void,
): Promise<RunningWitness> {
  const timeouts = { headersTimeout: HEADERS_TIMEOUT_MS, requestTimeout: REQUEST_TIMEOUT_MS }
  const server = createServer({ ...timeouts, maxHeaderSize: MAX_HEADER_BYTES }, (request, response) => {
    answer(witness, request).then(
      (sent) => send(response, sent),
      (error: unknown) => {
        onProblem(error)
        send(response, { status: 500, text: 'this witness cannot keep what it sees\n' })
      },
    )
  })
  server.maxConnections = MAX_CONNECTIONS
  const port = await listen(server, place)
  const host = place.host.includes(':') ? `[${place.host}]` : place.host
  const stop = (): Promise<void> =>
    new Promise((resolve) => {
      server.close(() => resolve())
      server.closeAllConnections()
    })
  return { url: `http://${host}:${port}`, port, stop }
}

interface Sent {
  readonly status: number
  readonly text: string
  readonly type?: string
}

async function answer(witness: Witness, request: IncomingMessage): Promise<Sent> {
  const path = (request.url ?? '').split('?')[0] ?? ''
  if (path === '/add-checkpoint') {
    if (request.method !== 'POST') return { status: 405, text: 'POST only\n' }
    const body = await readBody(request)
    if (body === undefined) return { status: 413, text: `a request has at most ${MAX_REQUEST_BYTES} bytes\n` }
    return describe(await witness.addCheckpoint(body))
  }
  const hash = /^\/([0-9a-f]{64})\/checkpoint$/.exec(path)?.[1]
  const note = hash === undefined ? undefined : await witness.findCheckpoint(hash, originHash)
  if (note === undefined) return { status: 404, text: 'there is nothing here\n' }
  return request.method === 'GET' ? { status: 200, text: note } : { status: 405, text: 'GET only\n' }
}

function describe(answered: WitnessAnswer): Sent {
  if ('cosignature' in answered) return { status: 200, text: answered.cosignature }
  const { status, reason } = answered
  if (status === 409) return { status, text: `${answered.seen ?? 0}\n`, type: SIZE_TYPE }
  return { status, text: `${reason}\n` }
}

/** The body as it came; undefined where it is too large. What is not UTF-8 is then no request. */
async function readBody(request: IncomingMessage): Promise<string | undefined> {
  const chunks: Buffer[] = []
  let bytes = 0
  for await (const chunk of request as AsyncIterable<Buffer>) {
    bytes += chunk.byteLength
    if (bytes > MAX_REQUEST_BYTES) return undefined
    chunks.push(chunk)
  }
  const body = Buffer.concat(chunks)
  const text = body.toString('utf8')
  return Buffer.from(text).equals(body) ? text : ''
}

function send(response: ServerResponse, { status, text, type = 'text/plain; charset=utf-8' }: Sent): void {
  // A body that was not read to its end leaves the connection unfit for another request.
  const close = status === 413 ? { connection: 'close' } : {}
  response.writeHead(status, { 'content-type': type, 'cache-control': 'no-store', ...close }).end(text)
}

function listen(server: Server, { host, port }: { readonly host: string; readonly port: number }): Promise<number> {
  return new Promise((resolve, reject) => {
    server.once('error', (cause) => {
      const message = `the witness can't listen there: ${systemCode(cause) ?? cause.message}`
      const fix = 'choose another address with --listen'
      reject(new ToolwardenError('PORT_IN_USE', message, { where: `${host}:${port}`, fix, cause }))
    })
    server.listen(port, host, () => resolve((server.address() as AddressInfo).port))
  })
}
