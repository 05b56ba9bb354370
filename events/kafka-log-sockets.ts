// The sockets of one Kafka client, kept track of: whether an open one went away decides whether a failed append is in doubt,
// and a client that hangs on a frozen broker can only be got rid of by destroying them.

import { connect as connectTcp, isIP, type Socket } from 'node:net'
import { type ConnectionOptions, connect as connectTls } from 'node:tls'

const KEEP_ALIVE_MS = 60_000

/** What kafkajs hands to a socket factory. */
export interface SocketRequest {
  readonly host: string
  readonly port: number
  readonly ssl: ConnectionOptions | undefined
  readonly onConnect: () => void
}

/** Opens sockets and remembers them. */
export class TrackedSockets {
  readonly #open = new Set<Socket>()
  #lost = false
  #refusal: string | undefined

  /** Whether a connection that once stood has ended, by whomever. */
  get lost(): boolean {
    return this.#lost
  }

  readonly connect = ({ host, port, ssl, onConnect }: SocketRequest): Socket => {
    if (this.#refusal !== undefined) throw new Error(this.#refusal)
    const serverName = isIP(host) === 0 ? { servername: host } : {}
    const socket = ssl ? connectTls({ host, port, ...serverName, ...ssl }) : connectTcp({ host, port })
    let connected = false
    socket.once(ssl ? 'secureConnect' : 'connect', () => {
      connected = true
      onConnect()
    })
    socket.setKeepAlive(true, KEEP_ALIVE_MS)
    socket.once('close', () => {
      this.#open.delete(socket)
      if (connected) this.#lost = true
    })
    this.#open.add(socket)
    return socket
  }

  /** Ends every connection at once and refuses new ones; requests that wait for an answer fail with `reason`. */
  destroy(reason: string): void {
    this.#refusal ??= reason
    for (const socket of this.#open) socket.destroy(new Error(reason))
  }

  /** Frees what a clean disconnect left behind. */
  release(): void {
    this.#refusal ??= 'disconnected'
    for (const socket of this.#open) socket.destroy()
  }
}

// How long a clean disconnect may take; a frozen broker never answers.
const DISCONNECT_TIMEOUT_MS = 2_000

/** Disconnects a client cleanly if its broker lets it, else by force; never fails, for nothing hangs on it any more. */
export async function disconnect(client: { disconnect(): Promise<void> }, sockets: TrackedSockets): Promise<void> {
  const timer = setTimeout(() => sockets.destroy('disconnected'), DISCONNECT_TIMEOUT_MS)
  // Whatever it says, its sockets are gone after it.
  await client.disconnect().catch(() => undefined)
  clearTimeout(timer)
  sockets.release()
}
