// Who a request over HTTP comes from, as well as a gateway can know it: its principal, and the network that it comes from.
// Session ids and client info are the client's to choose, so a rule about a session binds this too (docs/detection.md).
// Of addresses only a keyed digest is kept.
import { createHmac } from 'node:crypto'
import { isIPv4, isIPv6 } from 'node:net'
import type { GovernedRequest } from '../call-gate.ts'
import { dropOldest } from '../drop-oldest.ts'

/** The most sessions whose callers are remembered; the one used longest ago is forgotten first. */
const MAX_SESSIONS = 10_000
/** The most callers of one session: a client behind several proxies, or one that roams. */
const MAX_CALLERS = 20
const DOMAIN = 'toolwarden caller v1'

/** The addresses of a connection, as its socket has them. */
export interface SocketAddresses {
  readonly remoteAddress?: string | undefined
  readonly localAddress?: string | undefined
}

/** Names callers, and remembers which of them led each session; one for all servers of a gateway. */
export class CallersSeen {
  readonly #key: Buffer
  readonly #known = new WeakMap<SocketAddresses, { readonly principal: string; readonly caller: string }>()
  /** By principal and session, both oldest first. */
  readonly #sessions = new Map<string, Set<string>>()

  /** The key is the deployment's: all of its gateways name a caller alike. */
  constructor(key: Buffer) {
    this.#key = key
  }

  /** The caller of a principal over a connection; its digest is made once for each connection. */
  callerOf(socket: SocketAddresses, principal: string): string {
    const known = this.#known.get(socket)
    if (known?.principal === principal) return known.caller
    const text = JSON.stringify([DOMAIN, principal, networkOf(socket)])
    const caller = `caller:${createHmac('sha256', this.#key).update(text).digest('base64url').slice(0, 22)}`
    this.#known.set(socket, { principal, caller })
    return caller
  }

  /** The request with its caller; what binds this one binds it, and what binds any that its session was led by before. */
  bind({ connection, sessions, ...request }: GovernedRequest, caller: string): GovernedRequest {
    const { principal, session, origin = session } = connection
    const bound = new Set(sessions)
    for (const led of new Set([session, origin]))
      for (const each of this.#note(JSON.stringify([principal, led]), caller)) bound.add(each)
    return { connection: { caller, ...connection }, sessions: [...bound], ...request }
  }

  #note(key: string, caller: string): ReadonlySet<string> {
    const callers = this.#sessions.get(key) ?? new Set()
    this.#sessions.delete(key)
    this.#sessions.set(key, callers)
    callers.delete(caller)
    callers.add(caller)
    dropOldest(callers, MAX_CALLERS)
    dropOldest(this.#sessions, MAX_SESSIONS)
    return callers
  }
}

/**
 * The network of a connection, without its port: an IPv4 address, the first 64 bits of an IPv6 one, since a host chooses
 * among the rest, and one name for this machine, which can call itself by many.
 */
export function networkOf({ remoteAddress = 'unknown', localAddress }: SocketAddresses): string {
  const address = plainAddress(remoteAddress)
  if (address === '::1' || address.startsWith('127.')) return 'this machine'
  if (localAddress !== undefined && address === plainAddress(localAddress)) return 'this machine'
  return isIPv6(address) ? `${firstGroups(address)}::/64` : address
}

/** Without the zone, and as IPv4 where it only is written as IPv6. */
function plainAddress(address: string): string {
  const [plain = ''] = address.toLowerCase().split('%')
  const mapped = plain.replace(/^::ffff:/, '')
  return isIPv4(mapped) ? mapped : plain
}

function firstGroups(address: string): string {
  const [head = '', tail] = address.split('::')
  const before = head === '' ? [] : head.split(':')
  const after = tail === undefined || tail === '' ? [] : tail.split(':')
  const groups = [...before, ...Array<string>(Math.max(0, 8 - before.length - after.length)).fill('0'), ...after]
  return groups.slice(0, 4).join(':')
}
