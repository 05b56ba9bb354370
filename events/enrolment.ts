// What the enrolment key says of writers' long-lived keys: that one is registered, that one is revoked. The enrolment key
// stands in trust files and is used for nothing else, so that whoever steals a role's key can neither add nor remove one.
import { sign, verify } from 'node:crypto'
import { canonicalBytes } from './canonical.ts'
import { hasSmallOrder, type KeyPair, publicKeyObject } from './keys.ts'

/** The enrolment key's signature over one statement; both base64url. */
export interface Enrolment {
  readonly publicKey: string
  readonly signature: string
}

/** What is said of a key. */
export interface KeyStatement {
  readonly kind: 'registered' | 'revoked'
  /** Name of the ledger. */
  readonly log: string
  /** Whose key it is. */
  readonly holder: string
  /** Base64url, as in trust files. */
  readonly publicKey: string
}

/** Signs a statement. */
export function enrol(enrolmentKey: KeyPair, statement: KeyStatement): Enrolment {
  return {
    publicKey: enrolmentKey.publicKey.toString('base64url'),
    signature: sign(null, statementBytes(statement), enrolmentKey.privateKey).toString('base64url'),
  }
}

/** Whether a key signed a statement; whether that key counts is for a trust file to say. */
export function enrolmentHolds(statement: KeyStatement, { publicKey, signature }: Enrolment): boolean {
  const raw = Buffer.from(publicKey, 'base64url')
  if (hasSmallOrder(raw)) return false
  return verify(null, statementBytes(statement), publicKeyObject(raw), Buffer.from(signature, 'base64url'))
}

/** The kind is part of the domain: a registration can never be read as a revocation. */
function statementBytes({ kind, log, holder, publicKey }: KeyStatement): Buffer {
  const domain = Buffer.from(`toolwarden/key-${kind}/v1\n`)
  return Buffer.concat([domain, canonicalBytes({ holder, log, publicKey, v: 1 })])
}
