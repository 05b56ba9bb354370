// An MCP server over HTTP: requests go out as they came, less what belongs to the hop before, with the server's own
// static fields. One request is one attempt: a call that may have run is never sent again by the gateway.
import { type ClientRequest, Agent as HttpAgent, type IncomingMessage, request as requestHttp } from 'node:http'
import { Agent as HttpsAgent, request as requestHttps } from 'node:https'
import { systemCode } from '../../events/errors.ts'
import { endToEndHeaders, flatHeaders, type HeaderList, headerList } from './headers.ts'
import type { Upstream, UpstreamLost, UpstreamRequest, UpstreamResponse } from './upstream.ts'

/** How long a connection may lie idle before it is used again: servers close theirs after 5 s, often without a word. */
const IDLE_SOCKET_MS = 2_500
const KEEP_ALIVE_PROBE_MS = 30_000
/** The most idle connections kept. */
const MAX_IDLE_SOCKETS = 256
/** The largest header block of a server, bytes. */
const MAX_RESPONSE_HEADER_BYTES = 64 * 1024

/** Never sent on: they belong to the caller and the gateway, or would let the answer come in a form that isn't read here. */
const OWN_FIELDS = ['authorization', 'host', 'content-length', 'accept-encoding', 'expect', 'origin']

/** Where the server is, and what it is told beside the client's words. */
export interface HttpUpstreamOptions {
  readonly url: URL
  /** Fields of the operator, instead of the client's of the same name; secrets as a rule. */
  readonly headers: HeaderList
  /** PEM certificates to believe instead of the system's. */
  readonly ca: string | undefined
  readonly connectMs: number
}

/** Speaks to one server. */
export class HttpUpstream implements Upstream {
  readonly #options: HttpUpstreamOptions
  readonly #agent: HttpAgent
  readonly #replaced: ReadonlySet<string>

  constructor(options: HttpUpstreamOptions) {
    const { url, headers, ca } = options
    const pool = {
      keepAlive: true,
      keepAliveMsecs: KEEP_ALIVE_PROBE_MS,
      maxFreeSockets: MAX_IDLE_SOCKETS,
      timeout: IDLE_SOCKET_MS,
    }
    this.#options = options
    this.#agent =
      url.protocol === 'https:'
        ? new HttpsAgent({ ...pool, minVersion: 'TLSv1.2', ...(ca === undefined ? {} : { ca }) })
        : new HttpAgent(pool)
    this.#replaced = new Set([...OWN_FIELDS, ...headers.map(([name]) => name.toLowerCase())])
  }

  exchange(request: UpstreamRequest): Promise<UpstreamResponse | UpstreamLost> {
    return new Promise((resolve) => {
      const outgoing = this.#open(request)
      const sent = followConnection(outgoing, this.#options.connectMs)
      // Not by http's own `signal`: on a connection that is idle again it raises an error that nobody can catch.
      let received: IncomingMessage | undefined
      const giveUp = (): void => void (received?.destroy() ?? outgoing.destroy(new Error('given up')))
      if (request.signal.aborted) giveUp()
      request.signal.addEventListener('abort', giveUp, { once: true })
      outgoing.once('close', () => request.signal.removeEventListener('abort', giveUp))
      const lose = (why: string): void => resolve({ type: 'lost', isForwarded: sent.isForwarded, why })
      outgoing.once('response', (response) => {
        received = response
        resolve(toResponse(response))
      })
      // A server that switches protocols: its socket is not the client's.
      outgoing.once('upgrade', (_, socket) => {
        socket.destroy()
        lose('the server switched to another protocol')
      })
      outgoing.on('error', (error) => lose(`the server cannot be reached: ${systemCode(error) ?? 'connection lost'}`))
      outgoing.end(request.body)
    })
  }

  async close(): Promise<void> {
    this.#agent.destroy()
  }

  #open({ method, headers, body }: UpstreamRequest): ClientRequest {
    const { url, headers: own } = this.#options
    const fields: HeaderList = [
      ['Host', url.host],
      ...endToEndHeaders(headers, this.#replaced),
      ...own,
      ['Accept-Encoding', 'identity'],
      ...(body === undefined ? [] : [['Content-Length', String(body.length)] as const]),
    ]
    const open = url.protocol === 'https:' ? requestHttps : requestHttp
    return open(url, {
      method,
      agent: this.#agent,
      headers: flatHeaders(fields),
      maxHeaderSize: MAX_RESPONSE_HEADER_BYTES,
      setHost: false,
    })
  }
}

/** Notes when bytes can have left, and gives up on a server that does not take the connection. */
function followConnection(outgoing: ClientRequest, connectMs: number): { isForwarded: boolean } {
  const sent = { isForwarded: false }
  outgoing.once('socket', (socket) => {
    socket.setNoDelay(true)
    const ready = 'encrypted' in socket ? 'secureConnect' : 'connect'
    if (outgoing.reusedSocket || !socket.connecting) {
      sent.isForwarded = true
      return
    }
    const timer = setTimeout(() => outgoing.destroy(new Error('no connection in time')), connectMs)
    const done = (): void => clearTimeout(timer)
    socket.once('close', done).once(ready, () => {
      done()
      sent.isForwarded = true
    })
  })
  return sent
}

function toResponse(response: IncomingMessage): UpstreamResponse {
  // Destroyed on purpose or not: whoever reads the body learns of it there.
  response.on('error', () => response.destroy())
  return {
    type: 'response',
    status: response.statusCode ?? 0,
    statusText: response.statusMessage ?? '',
    headers: headerList(response.rawHeaders),
    body: response,
    close: () => response.destroy(),
  }
}
