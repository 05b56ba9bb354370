// The connections of one server: sessions by the id that the server gave them, bound to the caller that began them, and
// one connection a caller for what comes without a session, of however many clients.
import type { Clock } from '../../events/time.ts'
import { uuidv7 } from '../../events/time.ts'
import type { CallGate } from '../call-gate.ts'
import { Connection } from '../connection.ts'
import { ConnectionNotes } from '../connection-notes.ts'
import type { ListingTaker } from '../pins.ts'
import type { Recorder } from '../recorder.ts'
import type { Caller } from './caller.ts'
import type { HttpLimits } from './limits.ts'
import { Peer } from './peer.ts'
import { type QuietSessions, sessionOfId } from './quiet-sessions.ts'

/** What the table works with. */
export interface PeersOptions {
  readonly server: string
  readonly gate: CallGate
  readonly recorder: Recorder
  readonly pins: ListingTaker
  readonly clock: Clock
  readonly limits: Pick<HttpLimits, 'sessions' | 'sessionIdleMs'>
  readonly quietSessions: QuietSessions
  /** Told of what should not happen: the run's chain ended before an event. */
  readonly fail: (error: unknown) => void
}

/** Finds and keeps the connections of one server. */
export class Peers {
  readonly #options: PeersOptions
  /** By session id; the one used longest ago is the first. */
  readonly #sessions = new Map<string, Peer>()
  /** By token. */
  readonly #quiet = new Map<string, Peer>()

  constructor(options: PeersOptions) {
    this.#options = options
  }

  /** The session with an id, if it is the caller's own: another's session is as unknown as none. */
  findSession(caller: Caller, sessionId: string): Peer | undefined {
    this.#forgetIdle()
    const peer = this.#sessions.get(sessionId)
    if (peer === undefined || !isSameCaller(peer.caller, caller)) return undefined
    this.#sessions.delete(sessionId)
    this.#sessions.set(sessionId, this.#use(peer))
    return peer
  }

  /** Whether a session id is in use, whoever has it. */
  hasSession(sessionId: string): boolean {
    return this.#sessions.has(sessionId)
  }

  /** Begins a session that the server named. */
  beginSession(caller: Caller, sessionId: string): Peer {
    this.#makeRoom()
    const peer = this.#open(caller, sessionOfId(caller, sessionId), sessionId)
    this.#sessions.set(sessionId, this.#use(peer))
    return peer
  }

  /** The connection of what a caller asks without a session. */
  quietPeer(caller: Caller): Peer {
    const session = this.#options.quietSessions.sessionOf(caller)
    const known = this.#quiet.get(caller.tokenId)
    if (known !== undefined && known.connection.context.session === session) return this.#use(known)
    if (known !== undefined) this.#end(known, 'the caller was quiet')
    const peer = this.#open(caller, session, undefined)
    this.#quiet.set(caller.tokenId, peer)
    return this.#use(peer)
  }

  /** Ends a session. */
  endSession(peer: Peer, reason: string): void {
    if (peer.sessionId === undefined || this.#sessions.get(peer.sessionId) !== peer) return
    this.#sessions.delete(peer.sessionId)
    this.#end(peer, reason)
  }

  /** Resolves once every connection's end is recorded. */
  async endAll(reason: string): Promise<void> {
    const peers = [...this.#sessions.values(), ...this.#quiet.values()]
    this.#sessions.clear()
    this.#quiet.clear()
    await Promise.all(peers.map((peer) => peer.end(reason)))
  }

  #open(caller: Caller, session: string, sessionId: string | undefined): Peer {
    const { server, recorder, pins, gate, clock, fail } = this.#options
    const { principal, principalSource } = caller
    const connection = new Connection({
      session,
      isSessionFixed: false,
      isShared: sessionId === undefined,
      connection: uuidv7(clock.nowMicros()),
      principal,
      principalSource,
      server,
    })
    const notes = new ConnectionNotes({ connection, recorder, pins, transport: 'http', fail })
    return new Peer({ caller, connection, notes, gate, sessionId })
  }

  #use(peer: Peer): Peer {
    peer.usedMs = this.#nowMs()
    return peer
  }

  #forgetIdle(): void {
    const { limits } = this.#options
    for (const peer of this.#sessions.values()) {
      if (this.#nowMs() - peer.usedMs < limits.sessionIdleMs) return
      if (peer.exchanges === 0) this.endSession(peer, 'nobody used it')
      else this.#use(peer)
    }
  }

  /** At the limit the session that was used longest ago ends; its client begins another one when told that it is unknown. */
  #makeRoom(): void {
    if (this.#sessions.size < this.#options.limits.sessions) return
    const oldest =
      [...this.#sessions.values()].find(({ exchanges }) => exchanges === 0) ?? [...this.#sessions.values()][0]
    if (oldest !== undefined) this.endSession(oldest, 'too many sessions')
  }

  #end(peer: Peer, reason: string): void {
    peer.end(reason).catch(this.#options.fail)
  }

  #nowMs(): number {
    return Math.floor(this.#options.clock.nowMicros() / 1000)
  }
}

function isSameCaller(a: Caller, b: Caller): boolean {
  return a.principal === b.principal && a.tokenId === b.tokenId
}
