// Bearer tokens (RFC 6750): 256 random bits, kept as SHA-256 only. A token is shown once, when it is made.
import { createHash, timingSafeEqual } from 'node:crypto'
import { type BigIntStats, promises as fs } from 'node:fs'
import { systemCode, ToolwardenError } from '../events/errors.ts'
import { formatTime, parseTime, uuidv7 } from '../events/time.ts'
import { changeTokenFile, MAX_TOKENS, readTokenFile, type Scope, type TokenEntry } from './token-file.ts'

/** Marks a token as one of toolwarden's, so that secret scanners can find it. */
const TOKEN_PREFIX = 'twd_'
const TOKEN_FORM = /^twd_[A-Za-z0-9_-]{43}$/

/** Who calls, as a token says. */
export interface Caller {
  readonly tokenId: string
  readonly subject: string
  readonly scopes: readonly Scope[]
  /** The servers that it may call; undefined means all. */
  readonly servers?: readonly string[] | undefined
}

/** A token as `list` shows it: everything but its hash. */
export type TokenInfo = Omit<TokenEntry, 'hash'>

/** What a new token is for. */
export interface TokenRequest {
  readonly subject: string
  readonly scopes: readonly [Scope, ...Scope[]]
  readonly servers?: readonly [string, ...string[]]
  /** Microseconds since 1970; without it the token lives until it is revoked. */
  readonly expiresMicros?: number
}

/** Time and randomness for a new token. */
export interface TokenMeans {
  readonly nowMicros: number
  readonly randomBytes: (count: number) => Buffer
}

/** Makes a token and keeps its hash. The token itself is returned, and nowhere else. Throws CONFLICT, CONFIG_INVALID. */
export function createToken(
  path: string,
  { subject, scopes, servers, expiresMicros }: TokenRequest,
  { nowMicros, randomBytes }: TokenMeans,
): Promise<{ readonly token: string; readonly info: TokenInfo }> {
  const token = `${TOKEN_PREFIX}${randomBytes(32).toString('base64url')}`
  const info: TokenInfo = {
    id: uuidv7(nowMicros, randomBytes(10)),
    subject,
    scopes: [...new Set(scopes)],
    ...(servers === undefined ? {} : { servers: [...new Set(servers)] }),
    createdAt: formatTime(nowMicros),
    ...(expiresMicros === undefined ? {} : { expiresAt: formatTime(expiresMicros) }),
  }
  return changeTokenFile(path, (tokens) => {
    if (tokens.length >= MAX_TOKENS)
      throw new ToolwardenError('CONFLICT', `there are ${MAX_TOKENS} tokens, the most that are kept`, {
        where: path,
        fix: 'Revoke those that are not used.',
      })
    return { tokens: [...tokens, { ...info, hash: hashToken(token).toString('hex') }], result: { token, info } }
  })
}

/** Removes a token; it is refused from the next request on. Throws NOT_FOUND, CONFLICT, CONFIG_INVALID. */
export function revokeToken(path: string, id: string): Promise<TokenInfo> {
  return changeTokenFile(path, (tokens) => {
    const entry = tokens.find((each) => each.id === id)
    if (entry === undefined)
      throw new ToolwardenError('NOT_FOUND', 'there is no token with this id', { where: `${path}: ${id}` })
    return { tokens: tokens.filter((each) => each !== entry), result: withoutHash(entry) }
  })
}

/** All tokens, without their hashes. Throws CONFIG_INVALID. */
export async function listTokens(path: string): Promise<readonly TokenInfo[]> {
  return (await readTokenFile(path)).map(withoutHash)
}

/** The tokens of a running API; follows changes of the file from request to request. */
export class TokenBook {
  readonly #path: string
  readonly #nowMicros: () => number
  /** What was read last, and the stamp of the file that it was read from. */
  #tokens: readonly TokenEntry[] = []
  #stamp: string | undefined

  constructor(path: string, nowMicros: () => number) {
    this.#path = path
    this.#nowMicros = nowMicros
  }

  /** Who holds a token; undefined for a wrong or expired one. Throws CONFIG_INVALID. */
  async find(token: string): Promise<Caller | undefined> {
    if (!TOKEN_FORM.test(token)) return undefined
    await this.#refresh()
    const hash = hashToken(token)
    let found: TokenEntry | undefined
    // Every entry is compared, so that the time taken says nothing of which one fits.
    for (const entry of this.#tokens) if (timingSafeEqual(Buffer.from(entry.hash, 'hex'), hash)) found = entry
    return found !== undefined && this.#isCurrent(found) ? toCaller(found) : undefined
  }

  /** Whether a token that was found earlier is neither revoked nor expired by now. Throws CONFIG_INVALID. */
  async isLive(tokenId: string): Promise<boolean> {
    await this.#refresh()
    return this.#tokens.some((entry) => entry.id === tokenId && this.#isCurrent(entry))
  }

  #isCurrent({ expiresAt }: TokenEntry): boolean {
    return expiresAt === undefined || parseTime(expiresAt) > this.#nowMicros()
  }

  async #refresh(): Promise<void> {
    const stamp = await fileStamp(this.#path)
    if (stamp === this.#stamp) return
    this.#tokens = await readTokenFile(this.#path)
    this.#stamp = stamp
  }
}

function hashToken(token: string): Buffer {
  return createHash('sha256').update(token).digest()
}

function toCaller({ id, subject, scopes, servers }: TokenEntry): Caller {
  return { tokenId: id, subject, scopes, ...(servers === undefined ? {} : { servers }) }
}

function withoutHash({ hash: _, ...info }: TokenEntry): TokenInfo {
  return info
}

/** Changes with every rename over the file, every write to it and every change of its mode. */
async function fileStamp(path: string): Promise<string> {
  try {
    const { ino, mtimeNs, ctimeNs, size }: BigIntStats = await fs.stat(path, { bigint: true })
    return [ino, mtimeNs, ctimeNs, size].join('/')
  } catch (cause) {
    if (systemCode(cause) === 'ENOENT') return 'none'
    throw new ToolwardenError('CONFIG_INVALID', `the tokens can't be read: ${systemCode(cause)}`, {
      where: path,
      cause,
    })
  }
}
