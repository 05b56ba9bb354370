// The configuration files that wrap, unwrap and status work on: those that are named, or every known place. What goes wrong
// with one of them is told and does not keep the others waiting.
import { homedir } from 'node:os'
import { resolve } from 'node:path'
import { describeError, ToolwardenError } from '../events/errors.ts'
import { exitCodeOf } from './exit-code.ts'
import { type KnownPlace, knownPlaces } from './wrap/known-places.ts'

/** A file's outcome, with the client that reads it. */
export type ClientOutcome<Outcome> = Outcome & { readonly client: string }

/** Runs an action on each file; the exit code is that of the first error. Throws CONFIG_INVALID for a named file that is not there. */
export async function forEachClientFile<Outcome extends object>(
  paths: readonly string[],
  action: (path: string) => Promise<Outcome | undefined>,
): Promise<readonly ClientOutcome<Outcome>[]> {
  const outcomes: ClientOutcome<Outcome>[] = []
  for (const { client, path } of placesOf(paths)) {
    try {
      const outcome = await action(path)
      if (outcome !== undefined) outcomes.push({ client, ...outcome })
      else if (paths.length > 0) throw new ToolwardenError('CONFIG_INVALID', 'there is no such file', { where: path })
    } catch (error) {
      if (!(error instanceof ToolwardenError)) throw error
      process.stderr.write(`toolwarden: ${describeError(error)}\n`)
      process.exitCode ??= exitCodeOf(error)
    }
  }
  return outcomes
}

function placesOf(paths: readonly string[]): readonly KnownPlace[] {
  const known = knownPlaces({
    platform: process.platform,
    home: process.env.HOME || homedir(),
    workingDirectory: process.cwd(),
    environment: process.env,
  })
  if (paths.length === 0) return known
  return paths.map((each) => {
    const path = resolve(each)
    return { path, client: known.find((place) => place.path === path)?.client ?? 'MCP client' }
  })
}
