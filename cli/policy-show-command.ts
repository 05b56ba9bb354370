// `toolwarden policy show`: the texts of policies that were in force, which the data directory keeps by their hashes.
import { readdirSync, statSync } from 'node:fs'
import { join } from 'node:path'
import { systemCode, ToolwardenError } from '../events/errors.ts'
import { loadConfig } from './config.ts'
import { findKeptPolicy } from './policy-files.ts'

/** Options as commander gives them. */
export interface ShowFlags {
  readonly config?: string
  readonly json?: boolean
}

interface KeptPolicy {
  readonly hash: string
  /** When it was written last: a gateway that starts with it writes it anew. */
  readonly time: string
  readonly bytes: number
}

/** The shortest beginning of a hash that names one. */
const MIN_PREFIX = 6

/** Lists what is kept, or prints the one text. Throws USAGE, POLICY_INVALID where a text was changed. */
export async function runPolicyShow(hash: string | undefined, flags: ShowFlags): Promise<void> {
  const { data } = await loadConfig(process.env, flags.config)
  const kept = listKept(data)
  if (hash === undefined) return list(kept, flags)
  const [found, ...more] = /^[0-9a-f]*$/.test(hash) ? kept.filter((each) => each.hash.startsWith(hash)) : []
  if (hash.length < MIN_PREFIX || more.length > 0)
    throw new ToolwardenError(
      'USAGE',
      `expected a hash, or at least ${MIN_PREFIX} characters that only one begins with`,
      {
        where: hash,
        fix: 'toolwarden policy show',
      },
    )
  const text = found === undefined ? undefined : findKeptPolicy(data, found.hash)
  if (found === undefined || text === undefined)
    throw new ToolwardenError('USAGE', 'no policy of this hash is kept here', {
      where: hash,
      fix: 'toolwarden policy show lists them; each gateway keeps those of its own data directory',
    })
  process.stdout.write(flags.json === true ? `${JSON.stringify({ ...found, text })}\n` : text)
}

function listKept(data: string): readonly KeptPolicy[] {
  const directory = join(data, 'policies')
  try {
    const hashes = readdirSync(directory).flatMap((name) => /^([0-9a-f]{64})\.yaml$/.exec(name)?.[1] ?? [])
    const kept = hashes.map((hash) => {
      const { mtime, size } = statSync(join(directory, `${hash}.yaml`))
      return { hash, time: mtime.toISOString(), bytes: size }
    })
    return kept.sort((a, b) => (a.time < b.time ? 1 : -1))
  } catch (error) {
    if (systemCode(error) === 'ENOENT') return []
    throw error
  }
}

function list(kept: readonly KeptPolicy[], { json }: ShowFlags): void {
  const lines = kept.map(({ hash, time, bytes }) => `${hash}  ${time}  ${bytes} bytes\n`)
  if (json === true) process.stdout.write(`${JSON.stringify({ policies: kept })}\n`)
  else process.stdout.write(kept.length === 0 ? 'no policy was in force yet\n' : lines.join(''))
}
