// The command line's own token: made at `init`, in a 0600 file of its own beside the file of hashes.
import { writeFile } from 'node:fs/promises'
import { systemCode, ToolwardenError } from '../events/errors.ts'
import { readPrivateFile } from './token-file.ts'
import { createToken, type TokenInfo, type TokenMeans, type TokenRequest } from './tokens.ts'

/** Makes the command line's token. Throws CONFLICT where `tokenPath` exists, CONFIG_INVALID where it can't be written. */
export async function createCliToken(
  paths: { readonly tokens: string; readonly cliToken: string },
  request: TokenRequest,
  means: TokenMeans,
): Promise<TokenInfo> {
  if ((await readPrivateFile(paths.cliToken)) !== undefined)
    throw new ToolwardenError('CONFLICT', 'the command line has a token already', {
      where: paths.cliToken,
      fix: 'Revoke it and remove this file first.',
    })
  const { token, info } = await createToken(paths.tokens, request, means)
  try {
    await writeFile(paths.cliToken, `${token}\n`, { mode: 0o600, flag: 'wx', flush: true })
  } catch (cause) {
    throw new ToolwardenError('CONFIG_INVALID', `the token can't be written: ${systemCode(cause)}`, {
      where: paths.cliToken,
      cause,
    })
  }
  return info
}

/** The command line's token. Throws UNAUTHORIZED where there is none, CONFIG_INVALID where others may read it. */
export async function readCliToken(path: string): Promise<string> {
  const text = await readPrivateFile(path)
  if (text !== undefined) return text.trim()
  throw new ToolwardenError('UNAUTHORIZED', 'the command line has no token', {
    where: path,
    fix: 'toolwarden init',
  })
}
