// An installation: the keys of every role, the deployment's HMAC key, whom to trust, and the command line's token, in one
// directory (0700, files 0600). Made once, whoever comes first: two gateways may start at the same moment.
import { randomBytes } from 'node:crypto'
import { mkdir, mkdtemp, readFile, rename, rm, stat, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { z } from 'zod'
import { createCliToken } from '../api/cli-token.ts'
import { writeDurably } from '../events/durable-file.ts'
import { enrol } from '../events/enrolment.ts'
import { enrolmentField, keyHolderField } from '../events/enrolment-field.ts'
import { systemCode, ToolwardenError } from '../events/errors.ts'
import { nameField, publicKeyField } from '../events/field.ts'
import { generateKey, type KeyPair, parsePrivateKey, privateKeyPem } from '../events/keys.ts'
import { readKeyFile } from '../events/private-file.ts'
import type { Role } from '../events/role.ts'
import type { TrustSettings } from '../events/trust.ts'
import { trustSettings } from '../events/trust-settings.ts'
import { findPassphrase } from './passphrase.ts'

/** The roles, each with a key of its own. */
export const ROLES: readonly Role[] = ['gateway', 'detectors', 'api', 'ledger']
const FOLDER = 'installation'
const DEPLOYMENT_KEY_BYTES = 32
/** The name of the installation's own file. */
export const MANIFEST_FILE = 'installation.json'

const keyRecordObject = z.strictObject({
  holder: keyHolderField,
  publicKey: publicKeyField,
  enrolment: enrolmentField,
  at: z.string(),
  revoked: z
    .strictObject({
      enrolment: enrolmentField,
      cause: z.enum(['rotated', 'compromised']),
      reason: z.string(),
      at: z.string(),
    })
    .optional(),
})
/** What the enrolment key said of one key; `toolwarden up` publishes it as events. */
export type KeyRecord = z.infer<typeof keyRecordObject>

const manifestObject = z.strictObject({
  log: nameField,
  createdAt: z.string(),
  trust: trustSettings,
  /** The public enrolment key; absent in an installation of before there was one, until it is enrolled. */
  enrolment: publicKeyField.optional(),
  keys: z.array(keyRecordObject).default([]),
})
/** The installation's own file. */
export type Manifest = z.infer<typeof manifestObject>

/** What an installation holds. */
export interface Installation {
  readonly directory: string
  /** Name of the ledger: `toolwarden/<random>`. */
  readonly log: string
  readonly keys: Readonly<Record<Role, KeyPair>>
  readonly deploymentKey: Buffer
  /** The installation's own writers. */
  readonly trust: TrustSettings
  /** The public enrolment key, base64url. */
  readonly enrolment: string | undefined
  readonly keyRecords: readonly KeyRecord[]
  readonly tokensFile: string
  readonly cliTokenFile: string
  /** Tokens of those who call through an HTTP gateway. */
  readonly callersFile: string
}

/** Opens the installation of a data directory, making it first where there is none; `isNew` says which. */
export async function ensureInstallation(
  dataDirectory: string,
  log?: string,
): Promise<Installation & { readonly isNew: boolean }> {
  await privateDirectory(dataDirectory)
  const directory = join(dataDirectory, FOLDER)
  const isNew = !(await exists(directory)) && (await createInstallation(dataDirectory, directory, log))
  return { ...(await openInstallation(dataDirectory)), isNew }
}

/** Opens an installation that is there. Throws KEY_MISSING, KEY_INVALID, CONFIG_INVALID naming the file. */
export async function openInstallation(dataDirectory: string): Promise<Installation> {
  if (await exists(dataDirectory)) await privateDirectory(dataDirectory)
  const directory = join(dataDirectory, FOLDER)
  const manifest = await readManifest(directory)
  const passphrase = await findPassphrase(process.env)
  const [gateway, detectors, api, ledger] = await Promise.all(
    ROLES.map((role) => readKey(roleKeyFile(directory, role), passphrase)),
  )
  const deploymentKey = Buffer.from((await readPrivate(join(directory, 'deployment.key'))).trim(), 'hex')
  if (
    gateway === undefined ||
    detectors === undefined ||
    api === undefined ||
    ledger === undefined ||
    deploymentKey.length !== DEPLOYMENT_KEY_BYTES
  ) {
    throw new ToolwardenError('KEY_INVALID', `the deployment key has ${DEPLOYMENT_KEY_BYTES} bytes in hex`, {
      where: join(directory, 'deployment.key'),
    })
  }
  const keys = { gateway, detectors, api, ledger }
  return {
    directory,
    log: manifest.log,
    keys,
    deploymentKey,
    trust: manifest.trust,
    enrolment: manifest.enrolment,
    keyRecords: manifest.keys,
    tokensFile: join(directory, 'tokens.json'),
    cliTokenFile: join(directory, 'cli.token'),
    callersFile: join(directory, 'callers.json'),
  }
}

/** Makes a directory that only its owner can enter; refuses one that others can. */
export async function privateDirectory(directory: string): Promise<void> {
  try {
    await mkdir(directory, { recursive: true, mode: 0o700 })
    const { mode } = await stat(directory)
    if ((mode & 0o077) === 0 || process.platform === 'win32') return
  } catch (cause) {
    throw new ToolwardenError(
      'CONFIG_INVALID',
      `the data directory cannot be made: ${systemCode(cause) ?? 'unknown reason'}`,
      {
        where: directory,
        fix: 'set TOOLWARDEN_DATA to a directory that you may write to',
        cause,
      },
    )
  }
  throw new ToolwardenError('CONFIG_INVALID', 'others can read the data directory', {
    where: directory,
    fix: `chmod 700 ${directory}`,
  })
}

/** True where this process made it; false where another one was faster. */
async function createInstallation(dataDirectory: string, directory: string, log: string | undefined): Promise<boolean> {
  const draft = await mkdtemp(join(dataDirectory, '.installation-'))
  const keys = ROLES.map((role) => ({ role, key: generateKey() }))
  const passphrase = await findPassphrase(process.env)
  for (const { role, key } of keys) await writePrivate(roleKeyFile(draft, role), privateKeyPem(key, passphrase))
  await writePrivate(join(draft, 'deployment.key'), `${randomBytes(DEPLOYMENT_KEY_BYTES).toString('hex')}\n`)
  const trust = keys.map(({ role, key }) => ({ writer: `${role}/*`, key: key.publicKey.toString('base64url') }))
  const manifest = {
    log: log ?? `toolwarden/${randomBytes(6).toString('hex')}`,
    createdAt: new Date().toISOString(),
    trust,
    keys: [],
  }
  await enrolManifest(draft, manifest, passphrase)
  const paths = { tokens: join(draft, 'tokens.json'), cliToken: join(draft, 'cli.token') }
  await createCliToken(
    paths,
    { subject: 'user:cli', scopes: ['read', 'operate', 'approve', 'admin'] },
    { randomBytes, nowMicros: Date.now() * 1000 },
  )
  try {
    await rename(draft, directory)
    return true
  } catch (cause) {
    await rm(draft, { recursive: true, force: true })
    if (await exists(directory)) return false
    throw new ToolwardenError(
      'CONFIG_INVALID',
      `the installation cannot be made: ${systemCode(cause) ?? 'unknown reason'}`,
      { where: directory, cause },
    )
  }
}

/** Gives an installation of before there was one an enrolment key, which then vouches for the keys that are there. */
export async function enrolInstallation(dataDirectory: string): Promise<Installation> {
  const directory = join(dataDirectory, FOLDER)
  const manifest = await readManifest(directory)
  if (manifest.enrolment === undefined) await enrolManifest(directory, manifest, await findPassphrase(process.env))
  return openInstallation(dataDirectory)
}

async function enrolManifest(directory: string, manifest: Manifest, passphrase: string | undefined): Promise<void> {
  const { log, trust } = manifest
  const path = enrolmentKeyFile(directory)
  // One that a crash left without its place in the manifest vouches for nothing yet, and is as good as a new one.
  const key = (await readKeyFile(path, passphrase)) ?? generateKey()
  await writeDurably(path, privateKeyPem(key, passphrase))
  const at = new Date().toISOString()
  const keys = trust.map(({ writer: holder, key: publicKey }) => ({
    holder,
    publicKey,
    enrolment: enrol(key, { kind: 'registered', log, holder, publicKey }),
    at,
  }))
  await writeManifest(directory, { ...manifest, enrolment: key.publicKey.toString('base64url'), keys })
}

/** Where a role's long-lived key is. */
export function roleKeyFile(directory: string, role: Role): string {
  return join(directory, `${role}.key`)
}

/** Where the enrolment key is; nothing but `init` and `keys` reads it, and it may be kept elsewhere between. */
export function enrolmentKeyFile(directory: string): string {
  return join(directory, 'enrolment.key')
}

/** Replaces the installation's file, durably. */
export async function writeManifest(directory: string, manifest: Manifest): Promise<void> {
  await writeDurably(join(directory, MANIFEST_FILE), `${JSON.stringify(manifest, null, 2)}\n`)
}

/** Reads the installation's file. Throws KEY_MISSING, CONFIG_INVALID. */
export async function readManifest(directory: string): Promise<Manifest> {
  const path = join(directory, MANIFEST_FILE)
  const text = await readPrivate(path)
  try {
    return manifestObject.parse(JSON.parse(text))
  } catch (cause) {
    throw new ToolwardenError('CONFIG_INVALID', 'the installation file is damaged', {
      where: path,
      fix: 'restore it from a backup',
      cause,
    })
  }
}

async function readKey(path: string, passphrase: string | undefined): Promise<KeyPair> {
  return parsePrivateKey(await readPrivate(path), path, passphrase)
}

async function readPrivate(path: string): Promise<string> {
  try {
    const { mode } = await stat(path)
    if ((mode & 0o077) === 0 || process.platform === 'win32') return await readFile(path, 'utf8')
  } catch (cause) {
    throw new ToolwardenError('KEY_MISSING', `the file cannot be read: ${systemCode(cause) ?? 'unknown reason'}`, {
      where: path,
      fix: 'toolwarden init',
      cause,
    })
  }
  throw new ToolwardenError('KEY_INVALID', 'others can read this file', { where: path, fix: `chmod 600 ${path}` })
}

async function writePrivate(path: string, text: string): Promise<void> {
  await writeFile(path, text, { mode: 0o600, flag: 'wx', flush: true })
}

async function exists(path: string): Promise<boolean> {
  try {
    await stat(path)
    return true
  } catch (error) {
    if (systemCode(error) === 'ENOENT') return false
    throw error
  }
}
