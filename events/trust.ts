// Whom this installation believes: long-lived writer keys from its own configuration, never keys learned from the log.
import type { KeyObject } from 'node:crypto'
import { enrolmentHolds } from './enrolment.ts'
import type { EventOf } from './event.ts'
import { certificateHolds, hasSmallOrder, publicKeyObject, type RunCertificate, type RunIdentity } from './keys.ts'

/** One trusted key each: whose it is, `role/name` or `role/*`, and the key in base64url. */
export type TrustSettings = readonly { readonly writer: string; readonly key: string }[]

/** How many verified certificates a Trust remembers, so that a run's is checked once. */
const MAX_REMEMBERED_RUNS = 10_000

/** What trust rests on beside the writers' keys. */
export interface TrustExtras {
  /** Enrolment keys, base64url: whose word registers and revokes. */
  readonly enrolment?: readonly string[]
  /** Keys that are not honoured any more, base64url. */
  readonly revoked?: readonly string[]
}

/** Who vouches for the key of a run. */
export interface Voucher {
  readonly runKey: KeyObject
  /** The long-lived key, base64url. */
  readonly key: string
}

/** Answers whether a run's key is vouched for by a trusted writer key. */
export class Trust {
  readonly #settings: TrustSettings
  readonly #entries: readonly { readonly writer: string; readonly text: string; readonly key: KeyObject }[]
  readonly #enrolment: ReadonlySet<string>
  /** Written by `revoke` alone, which nothing undoes. */
  readonly #revoked: Set<string>
  /** The same without revocations, to say why; made when it is first needed. */
  #unrevoked: Trust | undefined
  /** Certificates that held, by all that they speak of; oldest first. */
  readonly #verified = new Map<string, Voucher>()

  /** Throws KEY_INVALID for a key that anybody can sign for. */
  constructor(settings: TrustSettings, { enrolment = [], revoked = [] }: TrustExtras = {}) {
    this.#settings = settings
    this.#enrolment = new Set(enrolment)
    this.#revoked = new Set(revoked)
    this.#entries = settings.map(({ writer, key }) => ({
      writer,
      text: key,
      key: publicKeyObject(Buffer.from(key, 'base64url')),
    }))
  }

  /** One of its own, for a reader that honours revocations as it meets them: what it revokes is revoked there alone. */
  copy(): Trust {
    return new Trust(this.#settings, { enrolment: [...this.#enrolment], revoked: [...this.#revoked] })
  }

  /** The run's public key, if a trusted key of that writer vouches for it. */
  findRunKey(identity: RunIdentity, certificate: RunCertificate): KeyObject | undefined {
    return this.findVoucher(identity, certificate)?.runKey
  }

  /** The run's public key and the trusted key that vouches for it; none where that one is revoked. */
  findVoucher(identity: RunIdentity, certificate: RunCertificate): Voucher | undefined {
    const { log, writer, instance } = identity
    const id = JSON.stringify([
      log,
      writer,
      instance,
      certificate.publicKey.toString('base64url'),
      certificate.signature.toString('base64url'),
    ])
    const known = this.#verified.get(id)
    if (known !== undefined) return this.#revoked.has(known.key) ? undefined : known
    if (hasSmallOrder(certificate.publicKey)) return undefined
    const role = `${writer.slice(0, writer.indexOf('/'))}/*`
    const entry = this.#entries.find(
      (each) => (each.writer === writer || each.writer === role) && certificateHolds(each.key, identity, certificate),
    )
    if (entry === undefined || this.#revoked.has(entry.text)) return undefined
    return this.#remember(id, { runKey: publicKeyObject(certificate.publicKey), key: entry.text })
  }

  /** Why there is no voucher, for people. */
  describeRefusal(identity: RunIdentity, certificate: RunCertificate): string {
    this.#unrevoked ??= new Trust(this.#settings)
    const isKnown = this.#revoked.size > 0 && this.#unrevoked.findVoucher(identity, certificate) !== undefined
    return isKnown ? 'the key that vouches for this run is revoked' : 'no trusted key vouches for the key of this run'
  }

  /** Whether an enrolment key that counts here says what a `key/revoked` event claims. */
  provesRevocation(event: EventOf<'key/revoked'>): boolean {
    const { log, holder, publicKey, enrolment } = event
    const statement = { kind: 'revoked', log, holder, publicKey } as const
    return this.#enrolment.has(enrolment.publicKey) && enrolmentHolds(statement, enrolment)
  }

  /** Honours nothing any more that a long-lived key (base64url) vouches for. */
  revoke(key: string): void {
    this.#revoked.add(key)
  }

  #remember(id: string, voucher: Voucher): Voucher {
    const oldest = this.#verified.size < MAX_REMEMBERED_RUNS ? undefined : this.#verified.keys().next().value
    if (oldest !== undefined) this.#verified.delete(oldest)
    this.#verified.set(id, voucher)
    return voucher
  }
}
