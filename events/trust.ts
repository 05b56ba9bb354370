// Whom this installation believes: long-lived writer keys from its own configuration, never keys learned from the log.
import type { KeyObject } from 'node:crypto'
import { z } from 'zod'
import { publicKeyField } from './field.ts'
import { certificateHolds, hasSmallOrder, publicKeyObject, type RunCertificate, type RunIdentity } from './keys.ts'

/** The form of `trust:` in toolwarden.yaml and of an installation's trust file. */
export const trustSettings = z.array(
  z.strictObject({
    /** `role/name`, or `role/*` for every writer of that role. */
    writer: z
      .string()
      .regex(/^(gateway|detectors|api|ledger)\/(\*|[A-Za-z0-9][A-Za-z0-9._@-]{0,63})$/, 'expected role/name or role/*'),
    key: publicKeyField,
  }),
)
/** One trusted key each. */
export type TrustSettings = z.infer<typeof trustSettings>

/** How many verified certificates a Trust remembers, so that a run's is checked once. */
const MAX_REMEMBERED_RUNS = 10_000

/** Answers whether a run's key is vouched for by a trusted writer key. */
export class Trust {
  readonly #entries: readonly { readonly writer: string; readonly key: KeyObject }[]
  /** Certificates that held, by all that they speak of; oldest first. */
  readonly #verified = new Map<string, KeyObject>()

  /** Throws KEY_INVALID for a key that anybody can sign for. */
  constructor(settings: TrustSettings) {
    this.#entries = settings.map(({ writer, key }) => ({ writer, key: publicKeyObject(Buffer.from(key, 'base64url')) }))
  }

  /** The run's public key, if a trusted key of that writer vouches for it. */
  findRunKey(identity: RunIdentity, certificate: RunCertificate): KeyObject | undefined {
    const { log, writer, instance } = identity
    const id = JSON.stringify([
      log,
      writer,
      instance,
      certificate.publicKey.toString('base64url'),
      certificate.signature.toString('base64url'),
    ])
    const known = this.#verified.get(id)
    if (known !== undefined) return known
    if (hasSmallOrder(certificate.publicKey)) return undefined
    const role = `${writer.slice(0, writer.indexOf('/'))}/*`
    const holds = this.#entries.some(
      (entry) =>
        (entry.writer === writer || entry.writer === role) && certificateHolds(entry.key, identity, certificate),
    )
    return holds ? this.#remember(id, publicKeyObject(certificate.publicKey)) : undefined
  }

  #remember(id: string, key: KeyObject): KeyObject {
    const oldest = this.#verified.size < MAX_REMEMBERED_RUNS ? undefined : this.#verified.keys().next().value
    if (oldest !== undefined) this.#verified.delete(oldest)
    this.#verified.set(id, key)
    return key
  }
}
