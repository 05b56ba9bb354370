// Where the project stands, for tests that read its own files: compiled tests run from dist/, so paths
// relative to a source file would point beside it.
import { existsSync } from 'node:fs'
import { dirname, join } from 'node:path'

function findProjectRoot(from: string): string {
  if (existsSync(join(from, 'package.json'))) return from
  const parent = dirname(from)
  if (parent === from) throw new Error(`no package.json at or above ${from}`)
  return findProjectRoot(parent)
}

/** The project's root folder. */
export const projectRoot = findProjectRoot(import.meta.dirname)
