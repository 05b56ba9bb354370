// What the enrolment key says of long-lived keys, kept in the installation: registering, rotating, revoking. Nothing here
// writes events: `toolwarden up` publishes what stands in the installation and not yet in the ledger.
import { rename, rm } from 'node:fs/promises'
import { writeDurably } from '../events/durable-file.ts'
import { enrol } from '../events/enrolment.ts'
import { ToolwardenError } from '../events/errors.ts'
import { generateKey, hasSmallOrder, type KeyPair, privateKeyPem } from '../events/keys.ts'
import { readKeyFile } from '../events/private-file.ts'
import type { Role } from '../events/role.ts'
import {
  enrolInstallation,
  enrolmentKeyFile,
  type Installation,
  type KeyRecord,
  type Manifest,
  openInstallation,
  ROLES,
  readManifest,
  roleKeyFile,
  writeManifest,
} from './installation.ts'
import { findPassphrase } from './passphrase.ts'

/** Why a key is not honoured any more. */
export type RevocationCause = 'rotated' | 'compromised'

/** Which installation, and for which ledger the statements are. */
export interface KeyBookOptions {
  /** The installation's directory. */
  readonly directory: string
  /** Name of the ledger, as its events have it. */
  readonly log: string
  readonly passphrase: string | undefined
  readonly now: () => Date
}

/** The keys of one installation. One process at a time changes it. */
export class KeyBook {
  readonly #options: KeyBookOptions

  constructor(options: KeyBookOptions) {
    this.#options = options
  }

  /** Vouches for the key of another machine's writer and trusts it from the next start on. Throws KEY_INVALID, CONFLICT. */
  async register(holder: string, publicKey: string): Promise<void> {
    const manifest = await this.#read()
    if (hasSmallOrder(Buffer.from(publicKey, 'base64url')))
      throw new ToolwardenError('KEY_INVALID', 'a public key for which anybody can sign', { where: publicKey })
    if (manifest.keys.some((record) => record.publicKey === publicKey))
      throw new ToolwardenError('CONFLICT', 'this key is registered already, or was revoked', { where: publicKey })
    await this.#write(withKey(manifest, await this.#vouch(holder, publicKey)))
  }

  /**
   * Makes a new key for a role of this installation; the old one is revoked. A rotation that was cut short is finished by
   * the next command or start.
   */
  async rotate(role: Role, cause: RevocationCause, reason: string): Promise<KeyPair> {
    const { directory, passphrase } = this.#options
    const path = roleKeyFile(directory, role)
    const old = await readKeyFile(path, passphrase)
    if (old === undefined)
      throw new ToolwardenError('KEY_MISSING', 'this installation has no such key', { where: path })
    const key = generateKey()
    await writeDurably(nextFile(path), privateKeyPem(key, passphrase))
    const oldKey = old.publicKey.toString('base64url')
    const manifest = await this.#read()
    const holder = manifest.trust.find((entry) => entry.key === oldKey)?.writer ?? `${role}/*`
    const added = withKey(manifest, await this.#vouch(holder, key.publicKey.toString('base64url')))
    await this.#write(await this.#withRevoked(added, { publicKey: oldKey, holder, cause, reason }))
    await finishRotation(directory, role, passphrase)
    return key
  }

  /** Revokes a key that this installation does not sign with. Throws NOT_FOUND, CONFLICT. */
  async revoke(publicKey: string, reason: string, own: readonly string[]): Promise<void> {
    if (own.includes(publicKey))
      throw new ToolwardenError('CONFLICT', 'this installation signs with that key', {
        where: publicKey,
        fix: 'toolwarden keys rotate <role> --compromised, which makes a new one',
      })
    const manifest = await this.#read()
    const holder =
      manifest.keys.find((record) => record.publicKey === publicKey)?.holder ??
      manifest.trust.find(({ key }) => key === publicKey)?.writer
    if (holder === undefined)
      throw new ToolwardenError('NOT_FOUND', 'this installation knows no such key', {
        where: publicKey,
        fix: 'toolwarden keys show',
      })
    await this.#write(await this.#withRevoked(manifest, { publicKey, holder, cause: 'compromised', reason }))
  }

  async #withRevoked(
    manifest: Manifest,
    what: { publicKey: string; holder: string; cause: RevocationCause; reason: string },
  ): Promise<Manifest> {
    const { publicKey, holder, cause, reason } = what
    const known = manifest.keys.find((record) => record.publicKey === publicKey)
    if (known?.revoked !== undefined)
      throw new ToolwardenError('CONFLICT', 'this key is revoked already', { where: publicKey })
    const statement = { kind: 'revoked', log: this.#options.log, holder, publicKey } as const
    const revoked = { enrolment: enrol(await this.#enrolmentKey(), statement), cause, reason, at: this.#at() }
    const record: KeyRecord = { ...(known ?? (await this.#vouch(holder, publicKey))), revoked }
    return { ...manifest, keys: [...manifest.keys.filter((each) => each !== known), record] }
  }

  async #vouch(holder: string, publicKey: string): Promise<KeyRecord> {
    const statement = { kind: 'registered', log: this.#options.log, holder, publicKey } as const
    return { holder, publicKey, enrolment: enrol(await this.#enrolmentKey(), statement), at: this.#at() }
  }

  async #enrolmentKey(): Promise<KeyPair> {
    const path = enrolmentKeyFile(this.#options.directory)
    const key = await readKeyFile(path, this.#options.passphrase)
    if (key !== undefined) return key
    throw new ToolwardenError('KEY_MISSING', 'the enrolment key is not here', {
      where: path,
      fix: 'put it back for as long as this takes; it may be kept elsewhere between',
    })
  }

  #read(): Promise<Manifest> {
    return readManifest(this.#options.directory)
  }

  #write(manifest: Manifest): Promise<void> {
    return writeManifest(this.#options.directory, manifest)
  }

  #at(): string {
    return this.#options.now().toISOString()
  }
}

/** An installation with an enrolment key and without a rotation that was cut short; made so where it is not. */
export async function settleKeys(dataDirectory: string): Promise<Installation> {
  const { directory } = await enrolInstallation(dataDirectory)
  const passphrase = await findPassphrase(process.env)
  for (const role of ROLES) await finishRotation(directory, role, passphrase)
  return openInstallation(dataDirectory)
}

/** Puts a new key in its place once the installation vouches for it; forgets one that it does not vouch for. */
async function finishRotation(directory: string, role: Role, passphrase: string | undefined): Promise<void> {
  const path = roleKeyFile(directory, role)
  const next = await readKeyFile(nextFile(path), passphrase)
  if (next === undefined) return
  const { keys } = await readManifest(directory)
  const isVouched = keys.some(({ publicKey }) => publicKey === next.publicKey.toString('base64url'))
  if (isVouched) await rename(nextFile(path), path)
  else await rm(nextFile(path))
}

function nextFile(path: string): string {
  return `${path}.next`
}

function withKey(manifest: Manifest, record: KeyRecord): Manifest {
  const entry = { writer: record.holder, key: record.publicKey }
  return { ...manifest, trust: [...manifest.trust, entry], keys: [...manifest.keys, record] }
}
