// What holds for the whole repository and no linter sees: folders, names, sizes, exact versions, a lockfile that
// names no host. Looks at the files that git has or would take, so that ignored ones may be anything.
import assert from 'node:assert/strict'
import { spawnSync } from 'node:child_process'
import { existsSync, readFileSync } from 'node:fs'
import { basename, join } from 'node:path'
import { describe, it } from 'node:test'
import { z } from 'zod'
import { projectRoot } from '../support/project-root.ts'

const MAX_SOURCE_LINES = 300
const MAX_ARCHITECTURE_LINES = 150
const folders = [
  'events',
  'gateway',
  'ledger',
  'detectors',
  'api',
  'console',
  'cli',
  'test',
  'bench',
  'docs',
  'examples',
]
const bannedNames = /^(index|utils?|helpers?|common|types|misc)\.tsx?$/
const bannedFolders = /(^|\/)(utils?|helpers?|common|lib|misc)\//
const exactVersion = /^\d+\.\d+\.\d+(-[\w.]+)?$/

const manifest = z.object({
  dependencies: z.record(z.string(), z.string()),
  optionalDependencies: z.record(z.string(), z.string()),
  devDependencies: z.record(z.string(), z.string()),
})

const files = listFiles()
const sources = files.filter((file) => /\.tsx?$/.test(file))

describe('house', () => {
  it('has no top-level folder beside those of the architecture', () => {
    const found = files.filter((file) => file.includes('/')).map((file) => file.slice(0, file.indexOf('/')))
    const extra = [...new Set(found)].filter((name) => !folders.includes(name) && !name.startsWith('.'))
    assert.deepEqual(extra, [])
  })

  it(`keeps every source file within ${MAX_SOURCE_LINES} lines`, () => {
    const long = sources.filter((file) => countLines(file) > MAX_SOURCE_LINES)
    assert.deepEqual(long, [])
  })

  it('has no barrel, and no file or folder that says nothing by its name', () => {
    const bad = sources.filter((file) => bannedNames.test(basename(file)) || bannedFolders.test(file))
    assert.deepEqual(bad, [])
  })

  it('opens every source file with a comment on what it is for', () => {
    const bare = sources.filter((file) => !/^(#!.*\n)?(\/\/|\/\*)/.test(read(file)))
    assert.deepEqual(bare, [])
  })

  it('names every dependency in one exact version', () => {
    const { dependencies, optionalDependencies, devDependencies } = manifest.parse(JSON.parse(read('package.json')))
    const all = Object.entries({ ...dependencies, ...optionalDependencies, ...devDependencies })
    assert.deepEqual(
      all.filter(([, version]) => !exactVersion.test(version)),
      [],
    )
  })

  const lockfile = z.object({ packages: z.record(z.string(), z.record(z.string(), z.unknown())) })
  const { packages } = lockfile.parse(JSON.parse(read('package-lock.json')))

  it('names no registry host in the lockfile, but the integrity of all that may be installed here', () => {
    const entries = Object.entries(packages).filter(([path]) => path !== '')
    // A registry mirror may lack the packages of other platforms: .ci/complete-lockfile.mjs names them without it.
    const isForeign = (entry: object): boolean => 'optional' in entry && 'os' in entry
    assert.deepEqual(
      entries
        .filter(([, entry]) => 'resolved' in entry || !('integrity' in entry || isForeign(entry)))
        .map(([path]) => path),
      [],
    )
  })

  it('names the packages of every platform in the lockfile, as npm ci demands', () => {
    const wanted = Object.values(packages).flatMap((entry) =>
      Object.keys(z.record(z.string(), z.string()).parse(entry.optionalDependencies ?? {})),
    )
    const named = Object.keys(packages)
    assert.deepEqual(
      wanted.filter((name) => !named.some((path) => path.endsWith(`node_modules/${name}`))),
      [],
    )
  })

  const architecture = 'docs/architecture.md'
  const none = files.includes(architecture) ? false : `${architecture} does not exist`
  it(`keeps ${architecture} within ${MAX_ARCHITECTURE_LINES} lines`, { skip: none }, () => {
    assert.ok(countLines(architecture) <= MAX_ARCHITECTURE_LINES)
  })
})

function listFiles(): readonly string[] {
  const options = ['ls-files', '--cached', '--others', '--exclude-standard', '-z']
  const result = spawnSync('git', options, { cwd: projectRoot, encoding: 'utf8' })
  assert.equal(result.status, 0, 'git must list the files of the project')
  return result.stdout.split('\0').filter((file) => file !== '' && existsSync(join(projectRoot, file)))
}

function read(file: string): string {
  return readFileSync(join(projectRoot, file), 'utf8')
}

function countLines(file: string): number {
  return read(file).split('\n').length - 1
}
