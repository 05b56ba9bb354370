// `toolwarden keys`: show, register, rotate, revoke; `init` also gives an older installation its enrolment key, and encrypts
// the keys that are in the clear once a passphrase is set.
import type { z } from 'zod'
import { writeDurably } from '../events/durable-file.ts'
import { keyHolderField } from '../events/enrolment-field.ts'
import { ToolwardenError } from '../events/errors.ts'
import { publicKeyField } from '../events/field.ts'
import { keyFingerprint, privateKeyPem } from '../events/keys.ts'
import { readKeyFile } from '../events/private-file.ts'
import type { Role } from '../events/role.ts'
import { type Config, loadConfig } from './config.ts'
import { enrolmentKeyFile, ensureInstallation, type Installation, ROLES, roleKeyFile } from './installation.ts'
import { KeyBook, settleKeys } from './key-book.ts'
import { findPassphrase } from './passphrase.ts'

/** Options of these commands as commander gives them. */
export interface KeysFlags {
  readonly config?: string
  readonly json?: boolean
  readonly reason?: string
  readonly compromised?: boolean
}

/** Makes the installation's keys where they are missing, and encrypts those in the clear where a passphrase is set. */
export async function runKeysInit(flags: KeysFlags): Promise<void> {
  const config = await loadConfig(process.env, flags.config)
  await ensureInstallation(config.data, config.log)
  const { installation, passphrase } = await open(config)
  const { directory } = installation
  const paths = [...ROLES.map((role) => roleKeyFile(directory, role)), enrolmentKeyFile(directory)]
  for (const path of passphrase === undefined ? [] : paths) {
    const key = await readKeyFile(path, passphrase)
    if (key !== undefined) await writeDurably(path, privateKeyPem(key, passphrase))
  }
  show(installation, flags)
}

/** Shows whose keys there are. */
export async function runKeysShow(flags: KeysFlags): Promise<void> {
  const config = await loadConfig(process.env, flags.config)
  show((await open(config)).installation, flags)
}

/** Vouches for a writer of another machine. */
export async function runKeysRegister(holder: string, publicKey: string, flags: KeysFlags): Promise<void> {
  parse(keyHolderField, holder, 'writer')
  parse(publicKeyField, publicKey, 'public key')
  const { book, config } = await openBook(flags)
  await book.register(holder, publicKey)
  await showChanged(config, flags, 'restart `toolwarden up`: it then trusts the key, and records that it does')
}

/** Gives a role of this installation a new key. */
export async function runKeysRotate(role: string, flags: KeysFlags): Promise<void> {
  const found = ROLES.find((each) => each === role)
  if (found === undefined)
    throw new ToolwardenError('USAGE', `${role} is none of ${ROLES.join(', ')}`, {
      where: 'role',
      fix: 'toolwarden keys rotate gateway',
    })
  const { book, config } = await openBook(flags)
  await book.rotate(found, flags.compromised === true ? 'compromised' : 'rotated', flags.reason ?? '')
  const restart = found === 'gateway' ? 'restart every gateway, then `toolwarden up`' : 'restart `toolwarden up`'
  await showChanged(config, flags, `${restart}: it revokes the old key, under which nothing more is honoured then`)
}

/** Revokes a key of another machine. */
export async function runKeysRevoke(publicKey: string, flags: KeysFlags): Promise<void> {
  parse(publicKeyField, publicKey, 'public key')
  const { book, config, installation } = await openBook(flags)
  const own = Object.values(installation.keys).map((key) => key.publicKey.toString('base64url'))
  await book.revoke(publicKey, flags.reason ?? '', own)
  await showChanged(config, flags, 'a running `toolwarden up` publishes it within seconds, another one when it starts')
}

async function open(config: Config): Promise<{ installation: Installation; passphrase: string | undefined }> {
  return { installation: await settleKeys(config.data), passphrase: await findPassphrase(process.env) }
}

async function openBook(flags: KeysFlags): Promise<{ book: KeyBook; config: Config; installation: Installation }> {
  const config = await loadConfig(process.env, flags.config)
  const { installation, passphrase } = await open(config)
  const { directory } = installation
  const log = config.log ?? installation.log
  return { book: new KeyBook({ directory, log, passphrase, now: () => new Date() }), config, installation }
}

async function showChanged(config: Config, flags: KeysFlags, next: string): Promise<void> {
  show((await open(config)).installation, flags)
  if (flags.json !== true) print(`next: ${next}`)
}

function show(installation: Installation, { json }: KeysFlags): void {
  const { log, enrolment, keyRecords, keys } = installation
  const current = new Map(
    Object.entries(keys).map(([role, key]) => [key.publicKey.toString('base64url'), role as Role]),
  )
  if (json === true) {
    const list = keyRecords.map(({ holder, publicKey, at, revoked }) => ({
      holder,
      publicKey,
      at,
      isOwn: current.has(publicKey),
      ...(revoked === undefined ? {} : { revoked: { at: revoked.at, cause: revoked.cause, reason: revoked.reason } }),
    }))
    return print(JSON.stringify({ log, enrolment, keys: list }))
  }
  const lines = keyRecords.map(({ holder, publicKey, revoked }) => {
    const state =
      revoked !== undefined ? `${revoked.cause} ${revoked.at}` : current.has(publicKey) ? 'in use here' : 'trusted'
    return `  ${holder.padEnd(14)} ${publicKey}  ${keyFingerprint(Buffer.from(publicKey, 'base64url'))}  ${state}`
  })
  print([`ledger    ${log}`, `enrolment ${enrolment ?? 'none'}`, 'keys', ...lines].join('\n'))
}

function parse(schema: z.ZodType<string>, text: string, what: string): void {
  const { error } = schema.safeParse(text)
  if (error === undefined) return
  throw new ToolwardenError('USAGE', `not a ${what}: ${error.issues[0]?.message}`, {
    where: text,
    fix: 'toolwarden keys register gateway/laptop <43 characters of base64url>',
  })
}

function print(text: string): void {
  process.stdout.write(`${text}\n`)
}
