// The file of hashed tokens, 0600. A change goes to `<file>.new`, created exclusively, and is renamed over the file:
// so no two commands change it at once, and a reader sees the whole old or the whole new one.
import { constants } from 'node:fs'
import { type FileHandle, open, rename, unlink } from 'node:fs/promises'
import { z } from 'zod'
import { systemCode, ToolwardenError } from '../events/errors.ts'
import { hashField, nameField, timeField, uuidField } from '../events/field.ts'

/** What a token may be used for: `call` at an HTTP gateway, all others at the API. Scopes don't include one another. */
export const SCOPES = ['read', 'operate', 'approve', 'admin', 'call'] as const
/** One of SCOPES. */
export type Scope = (typeof SCOPES)[number]

/** The most tokens in one file. */
export const MAX_TOKENS = 1_000

const tokenEntry = z.strictObject({
  id: uuidField,
  /** Who acts with it: recorded as `by` in every event that the token causes. */
  subject: nameField,
  scopes: z.array(z.enum(SCOPES)).min(1),
  /** The servers that a token with `call` is for; all where none are named. */
  servers: z.array(nameField).min(1).optional(),
  /** SHA-256 of the token. */
  hash: hashField,
  createdAt: timeField,
  expiresAt: timeField.optional(),
})
const tokenFile = z.strictObject({ v: z.literal(1), tokens: z.array(tokenEntry).max(MAX_TOKENS) })

/** One token as it is kept. */
export type TokenEntry = z.infer<typeof tokenEntry>

/** Reads the file; none there means no tokens. Throws CONFIG_INVALID where others may read it or it is damaged. */
export async function readTokenFile(path: string): Promise<readonly TokenEntry[]> {
  const text = await readPrivateFile(path)
  if (text === undefined) return []
  const result = tokenFile.safeParse(parseJson(text, path))
  if (result.success) return result.data.tokens
  const issue = result.error.issues[0]
  throw damaged(path, `${issue?.path.join('.')}: ${issue?.message}`)
}

/** Changes the file in one step. Throws CONFLICT while another command changes it. */
export async function changeTokenFile<Result>(
  path: string,
  change: (tokens: readonly TokenEntry[]) => { tokens: readonly TokenEntry[]; result: Result },
): Promise<Result> {
  const next = `${path}.new`
  const file = await openNext(next)
  try {
    const { tokens, result } = change(await readTokenFile(path))
    await file.writeFile(`${JSON.stringify({ v: 1, tokens }, undefined, 2)}\n`)
    await file.sync()
    await rename(next, path)
    return result
  } catch (error) {
    await unlink(next)
    throw error
  } finally {
    await file.close()
  }
}

/** The text of a file that only its owner may read; undefined where there is none. Throws CONFIG_INVALID. */
export async function readPrivateFile(path: string): Promise<string | undefined> {
  let file: FileHandle
  try {
    file = await open(path, constants.O_RDONLY | constants.O_NOFOLLOW)
  } catch (cause) {
    if (systemCode(cause) === 'ENOENT') return undefined
    throw new ToolwardenError('CONFIG_INVALID', `the file can't be read: ${systemCode(cause)}`, { where: path, cause })
  }
  try {
    if (((await file.stat()).mode & 0o077) !== 0)
      throw new ToolwardenError('CONFIG_INVALID', 'other users may read or write this file', {
        where: path,
        fix: `chmod 600 '${path}', and replace its tokens if the machine has other users`,
      })
    return await file.readFile('utf8')
  } finally {
    await file.close()
  }
}

async function openNext(next: string): Promise<FileHandle> {
  try {
    return await open(next, 'wx', 0o600)
  } catch (cause) {
    if (systemCode(cause) === 'EEXIST')
      throw new ToolwardenError('CONFLICT', 'another command is changing the tokens', {
        where: next,
        fix: 'Try again; if no other command is running, remove this file.',
        cause,
      })
    throw new ToolwardenError('CONFIG_INVALID', `the tokens can't be written: ${systemCode(cause)}`, {
      where: next,
      cause,
    })
  }
}

function parseJson(text: string, path: string): unknown {
  try {
    return JSON.parse(text)
  } catch {
    // The parser's own words may quote the file, so they are not kept.
    throw damaged(path, 'not JSON')
  }
}

function damaged(path: string, what: string): ToolwardenError {
  return new ToolwardenError('CONFIG_INVALID', `not a file of tokens: ${what}`, {
    where: path,
    fix: 'Restore it from a backup, or remove it and create the tokens anew.',
  })
}
