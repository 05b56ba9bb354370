// What a bundle's own events say of others: from which leaf on a key does not count, and which erasures there were. A revocation
// is honoured only where an enrolment key of the verifier's own file signed it.
import type { EventOf } from '../../events/event.ts'
import type { Trust } from '../../events/trust.ts'
import type { BundleEvent } from './bundle-event.ts'

/** Written by one walk; memory grows with revocations and erasures. */
export class BundleRevocations {
  readonly #log: string
  readonly #trust: Trust | undefined
  readonly #isWhole: boolean
  readonly #revoked = new Map<string, number>()
  /** Rows of one insert with the revocation count as before: the ledger's word on its batch ends that. */
  #waiting: string[] = []
  readonly #erasures = new Set<string>()
  readonly #claimed = new Set<string>()

  constructor(log: string, trust: Trust | undefined, isWhole: boolean) {
    this.#log = log
    this.#trust = trust
    this.#isWhole = isWhole
  }

  feed(event: BundleEvent, hash: string, leaf: number): void {
    if (event.type === 'admin/erased') this.#erasures.add(hash)
    if (event.type === 'ledger/ingested') for (const key of this.#waiting.splice(0)) this.#revoke(key, leaf)
    if (event.type !== 'key/revoked' || event.log !== this.#log) return
    const key = provenKey(event, this.#trust)
    if (key === undefined) return
    if (this.#isWhole) this.#waiting.push(key)
    else this.#revoke(key, leaf)
  }

  revokedFrom(key: string): number | undefined {
    return this.#revoked.get(key)
  }

  erasedBy(hash: string): void {
    this.#claimed.add(hash)
  }

  /** Events that payloads were said to be erased by, and that are no erasures of this bundle. */
  unknownErasures(): readonly string[] {
    return [...this.#claimed].filter((hash) => !this.#erasures.has(hash))
  }

  #revoke(key: string, leaf: number): void {
    if (!this.#revoked.has(key)) this.#revoked.set(key, leaf)
  }
}

function provenKey({ fields }: BundleEvent, trust: Trust | undefined): string | undefined {
  const { holder, publicKey, enrolment } = fields
  if (typeof holder !== 'string' || typeof publicKey !== 'string') return undefined
  if (typeof enrolment !== 'object' || enrolment === null || !('signature' in enrolment)) return undefined
  if (!('publicKey' in enrolment) || typeof enrolment.publicKey !== 'string') return undefined
  if (typeof enrolment.signature !== 'string') return undefined
  return trust?.provesRevocation(fields as unknown as EventOf<'key/revoked'>) === true ? publicKey : undefined
}
