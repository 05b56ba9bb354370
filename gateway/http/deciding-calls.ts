// The calls of one server that are being decided, or wait for a person. Without a session the ids of two clients of one token
// are not told apart: a cancellation then takes back every such call, which can only keep something from running.
import type { Withdrawal } from '../withdrawal.ts'
import type { Peer } from './peer.ts'

/** Finds calls by connection and key of their id. */
export class DecidingCalls {
  readonly #calls = new Map<Peer, Map<string, Set<Withdrawal>>>()

  /** Adds a call; the returned function removes it. */
  add(peer: Peer, key: string, withdrawal: Withdrawal): () => void {
    const ofPeer = this.#calls.get(peer) ?? new Map<string, Set<Withdrawal>>()
    const ofKey = ofPeer.get(key) ?? new Set()
    this.#calls.set(peer, ofPeer.set(key, ofKey.add(withdrawal)))
    return () => {
      ofKey.delete(withdrawal)
      if (ofKey.size === 0) ofPeer.delete(key)
      if (ofPeer.size === 0) this.#calls.delete(peer)
    }
  }

  /** Takes calls back; false where there is none. */
  cancel(peer: Peer, key: string): boolean {
    const found = [...(this.#calls.get(peer)?.get(key) ?? [])]
    for (const withdrawal of found) withdrawal.cancel()
    return found.length > 0
  }

  /** Nobody waits any more. */
  leave(): void {
    for (const ofPeer of this.#calls.values())
      for (const ofKey of ofPeer.values()) for (const withdrawal of ofKey) withdrawal.leave()
  }
}
