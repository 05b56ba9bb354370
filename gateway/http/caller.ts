// Who calls over HTTP (RFC 6750): the principal comes from the token, never from what the request says of itself.
import { findHeader, type HeaderList } from './headers.ts'

/** A caller that was let in. */
export interface Caller {
  readonly principal: string
  readonly principalSource: 'declared' | 'token'
  /** Id of the token; sessions of one token are not another's. */
  readonly tokenId: string
  /** The servers that it may use; undefined means all. */
  readonly servers: readonly string[] | undefined
}

/** Finds who holds a token; undefined for a wrong, revoked or expired one. Throws where the tokens can't be read. */
export interface CallerBook {
  findCaller(token: string): Promise<Caller | undefined>
}

/** The bearer token of a request. */
export function findBearerToken(headers: HeaderList): string | undefined {
  return /^bearer +([^\s]+)$/i.exec(findHeader(headers, 'authorization') ?? '')?.[1]
}

/** Whether a caller may use a server. */
export function mayUse({ servers }: Caller, server: string): boolean {
  return servers?.includes(server) ?? true
}
