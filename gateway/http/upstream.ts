// The port to an MCP server as the HTTP gateway sees it: one exchange a request. Adapters: http-upstream.ts, and
// process-upstream.ts for a server that speaks stdio.
import type { HeaderList } from './headers.ts'
import type { McpMethod } from './request-rules.ts'

/** One request to the server. */
export interface UpstreamRequest {
  readonly method: McpMethod
  /** The client's end-to-end fields. */
  readonly headers: HeaderList
  readonly body: Buffer | undefined
  /** Ends the exchange, as a client that goes away does. */
  readonly signal: AbortSignal
}

/** The server's response; its body is read once, and `close` gives up on the rest. */
export interface UpstreamResponse {
  readonly type: 'response'
  readonly status: number
  readonly statusText: string
  readonly headers: HeaderList
  /** Throws where the server dies before its end. */
  readonly body: AsyncIterable<Buffer>
  readonly close: () => void
}

/** No response came. */
export interface UpstreamLost {
  readonly type: 'lost'
  /** False where no byte of the request can have reached the server. */
  readonly isForwarded: boolean
  /** For people; nothing secret. */
  readonly why: string
}

/** A server; never repeats a request by itself. */
export interface Upstream {
  /** Resolves with the head of the response; never rejects for what network or server do. */
  exchange(request: UpstreamRequest): Promise<UpstreamResponse | UpstreamLost>
  close(): Promise<void>
}
