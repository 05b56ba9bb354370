// Raw bytes to an HTTP server: requests that no HTTP library would send, and whatever comes back.
import { connect, type Socket } from 'node:net'

/** A request of which tests change single parts. */
export interface RawRequest {
  readonly line?: string
  readonly host?: string
  /** Fields beside Host; with Content-Type and Content-Length unless given. */
  readonly fields?: readonly string[]
  readonly body?: string | Buffer
}

/** The bytes of a POST of JSON to `/mcp/test`. */
export function rawPost(port: number, { line, host, fields, body = '' }: RawRequest): Buffer {
  const bytes = Buffer.from(body)
  const head = [
    line ?? 'POST /mcp/test HTTP/1.1',
    `Host: ${host ?? `127.0.0.1:${port}`}`,
    ...(fields ?? ['Content-Type: application/json', `Content-Length: ${bytes.length}`]),
  ]
  return Buffer.concat([Buffer.from(`${head.join('\r\n')}\r\n\r\n`, 'latin1'), bytes])
}

/**
 * Sends bytes and resolves with everything that came back once the server has closed, nothing more came for `quietMs`, or
 * nothing at all for `patienceMs`.
 */
export async function sendRaw(port: number, bytes: Buffer, quietMs = 100, patienceMs = 2_000): Promise<string> {
  const socket = connect(port, '127.0.0.1')
  const received: Buffer[] = []
  socket.on('error', () => socket.destroy())
  socket.on('data', (chunk: Buffer) => received.push(chunk))
  socket.write(bytes)
  await closedOrQuiet(socket, quietMs, patienceMs)
  socket.destroy()
  return Buffer.concat(received).toString('latin1')
}

/** The status of the first response; 0 where there is none. */
export function statusOf(response: string): number {
  return Number(/^HTTP\/1\.1 (\d{3})/.exec(response)?.[1] ?? 0)
}

function closedOrQuiet(socket: Socket, quietMs: number, patienceMs: number): Promise<void> {
  return new Promise((resolve) => {
    let timer = setTimeout(resolve, patienceMs)
    socket.on('data', () => {
      clearTimeout(timer)
      timer = setTimeout(resolve, quietMs)
    })
    socket.once('close', () => {
      clearTimeout(timer)
      resolve()
    })
  })
}
