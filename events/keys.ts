// Ed25519 keys (RFC 8032) and the certificate by which a writer's long-lived key vouches for the key of one run.
// A run's private key never leaves its process and dies with it.
import {
  createHash,
  createPrivateKey,
  createPublicKey,
  generateKeyPairSync,
  type KeyObject,
  sign,
  verify,
} from 'node:crypto'
import { canonicalBytes } from './canonical.ts'
import { ToolwardenError } from './errors.ts'

const CERTIFICATE_DOMAIN = Buffer.from('toolwarden/certificate/v1\n')
/** The DER head of an Ed25519 SubjectPublicKeyInfo (RFC 8410); the 32 raw bytes follow. */
const SPKI_HEAD = Buffer.from('302a300506032b6570032100', 'hex')

/**
 * The points of small order, their sign bit cleared: whoever has no key at all can sign for them, and all zeros, a likely
 * placeholder, is one of them.
 */
const SMALL_ORDER: ReadonlySet<string> = new Set([
  '0000000000000000000000000000000000000000000000000000000000000000',
  '0100000000000000000000000000000000000000000000000000000000000000',
  '26e8958fc2b227b045c3f489f2ef98f0d5dfac05d3c63339b13802886d53fc05',
  'c7176a703d4dd84fba3c0b760d10670f2a2053fa2c39ccc64ec7fd7792ac037a',
  'ecffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f',
  'edffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f',
  'eeffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f',
])

/** An Ed25519 key pair; the public key also as its 32 raw bytes. */
export interface KeyPair {
  readonly privateKey: KeyObject
  readonly publicKey: Buffer
}

/** A run's key with its long-lived key's signature over it. */
export interface RunCertificate {
  /** Raw 32 bytes. */
  readonly publicKey: Buffer
  /** 64 bytes, by the long-lived key. */
  readonly signature: Buffer
}

/** What a certificate speaks of. */
export interface RunIdentity {
  readonly log: string
  readonly writer: string
  readonly instance: string
}

/** A new key pair. */
export function generateKey(): KeyPair {
  const { privateKey, publicKey } = generateKeyPairSync('ed25519')
  return { privateKey, publicKey: rawPublicKey(publicKey) }
}

/** Reads a PKCS #8 PEM, with a passphrase where it is encrypted. Throws KEY_INVALID without a word of the key. */
export function parsePrivateKey(pem: string, where: string, passphrase?: string): KeyPair {
  if (passphrase === undefined && isEncryptedPem(pem))
    throw new ToolwardenError('KEY_INVALID', 'the key is encrypted, and there is no passphrase', {
      where,
      fix: 'set TOOLWARDEN_KEY_PASSPHRASE or TOOLWARDEN_KEY_PASSPHRASE_FILE',
    })
  try {
    const privateKey = createPrivateKey(isEncryptedPem(pem) ? { key: pem, passphrase } : pem)
    if (privateKey.asymmetricKeyType === 'ed25519')
      return { privateKey, publicKey: rawPublicKey(createPublicKey(privateKey)) }
  } catch (cause) {
    // The cause says no more than that, and where OpenSSL looked.
    throw new ToolwardenError(
      'KEY_INVALID',
      isEncryptedPem(pem) ? 'the passphrase does not open this key' : 'not a private key in PEM form',
      { where, cause, fix: isEncryptedPem(pem) ? 'give the right passphrase' : 'restore the file from a backup' },
    )
  }
  throw new ToolwardenError('KEY_INVALID', 'a private key, but not Ed25519', {
    where,
    fix: 'restore the file from a backup',
  })
}

/** The PKCS #8 PEM of a private key, for a 0600 file; encrypted where there is a passphrase. */
export function privateKeyPem(key: KeyPair, passphrase?: string): string {
  const cipher = passphrase === undefined ? {} : { cipher: 'aes-256-cbc', passphrase }
  return key.privateKey.export({ format: 'pem', type: 'pkcs8', ...cipher }).toString()
}

/** Whether a PEM needs a passphrase. */
function isEncryptedPem(pem: string): boolean {
  return pem.includes('BEGIN ENCRYPTED PRIVATE KEY')
}

/** The key object of 32 raw bytes. Throws KEY_INVALID. */
export function publicKeyObject(raw: Uint8Array): KeyObject {
  if (raw.byteLength !== 32)
    throw new ToolwardenError('KEY_INVALID', `an Ed25519 public key has 32 bytes, not ${raw.byteLength}`)
  if (hasSmallOrder(raw))
    throw new ToolwardenError('KEY_INVALID', 'a public key for which anybody can sign', {
      fix: 'put the real public key in its place',
    })
  return createPublicKey({ key: Buffer.concat([SPKI_HEAD, raw]), format: 'der', type: 'spki' })
}

/** Whether anybody can sign for a public key, since its point has small order (RFC 8032, section 8.9). */
export function hasSmallOrder(raw: Uint8Array): boolean {
  const bytes = Buffer.from(raw)
  bytes[31] = (bytes[31] ?? 0) & 0x7f
  return SMALL_ORDER.has(bytes.toString('hex'))
}

/** Signs a run's public key with the writer's long-lived key. */
export function certifyRun(longLived: KeyPair, identity: RunIdentity, publicKey: Buffer): RunCertificate {
  return { publicKey, signature: sign(null, certificateBytes(identity, publicKey), longLived.privateKey) }
}

/** Whether a long-lived key vouches for a run's key. */
export function certificateHolds(longLived: KeyObject, identity: RunIdentity, certificate: RunCertificate): boolean {
  return verify(null, certificateBytes(identity, certificate.publicKey), longLived, certificate.signature)
}

/** The short name of a public key, for people: the first 16 hex digits of its SHA-256. */
export function keyFingerprint(publicKey: Uint8Array): string {
  return createHash('sha256').update(publicKey).digest('hex').slice(0, 16)
}

function certificateBytes(identity: RunIdentity, publicKey: Buffer): Buffer {
  const { log, writer, instance } = identity
  return Buffer.concat([
    CERTIFICATE_DOMAIN,
    canonicalBytes({ instance, log, publicKey: publicKey.toString('base64url'), v: 1, writer }),
  ])
}

function rawPublicKey(key: KeyObject): Buffer {
  return key.export({ format: 'der', type: 'spki' }).subarray(SPKI_HEAD.byteLength)
}
