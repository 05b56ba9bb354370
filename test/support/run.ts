// The test command: finds the compiled tests, gives them a home and a data directory of their own, runs them with
// node's test runner, and ends with its summary and its exit code. `run.js [--real] [part of a path ...]`
import { spawn } from 'node:child_process'
import { mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { join, relative, sep } from 'node:path'
import { createInterface } from 'node:readline'
import { pathToFileURL } from 'node:url'
import { projectRoot } from './project-root.ts'
import { RunSummary } from './run-summary.ts'
import { SourcePlaces } from './source-places.ts'
import { entryOf, groupTests } from './test-groups.ts'
import { makeTestHome } from './test-home.ts'
import { findStaleTests, parseTestRequest, selectTests, type TestRequest } from './test-selection.ts'

/** A third one would save a few seconds more, and take them from tests that hold something to a time. */
const CONCURRENCY = 2
/** A file that hangs is ended and counted as failed. */
const FILE_TIMEOUT_MS = 300_000
const REAL_FILE_TIMEOUT_MS = 1_200_000

const compiledFolder = join(import.meta.dirname, '..')

process.exitCode = await main(process.argv.slice(2))

async function main(args: readonly string[]): Promise<number> {
  const request = parseTestRequest(args)
  const compiled = listFiles(compiledFolder, '.test.js')
  const stale = findStaleTests(compiled, listFiles(join(projectRoot, 'test'), '.test.ts'))
  for (const file of stale) rmSync(join(compiledFolder, file))

  const fresh = compiled.filter((file) => !stale.includes(file))
  const files = selectTests(fresh, request)
  if (files.length === 0) {
    console.error(`no test file matches: ${args.join(' ') || 'none is compiled, run npm run build'}`)
    return 1
  }
  return await runInTemporaryHome(files, request)
}

function listFiles(folder: string, ending: string): readonly string[] {
  const names = readdirSync(folder, { recursive: true, encoding: 'utf8' })
  return names.filter((name) => name.endsWith(ending)).map((name) => name.split(sep).join('/'))
}

async function runInTemporaryHome(files: readonly string[], request: TestRequest): Promise<number> {
  const home = makeTestHome(request.real)
  try {
    return await runTests(findEntries(files, home), request, createEnvironment(home))
  } finally {
    rmSync(home, { recursive: true, force: true, maxRetries: 5 })
  }
}

/** What the runner is given: files, and for those that share a process one entry that imports them. */
function findEntries(files: readonly string[], home: string): readonly string[] {
  const { alone, together } = groupTests(files, (file) => readFileSync(join(compiledFolder, file), 'utf8'))
  const entries = together.map((group, index) => {
    const entry = join(home, `together-${index + 1}.mjs`)
    const named = group.map((file) => ({ name: file, url: pathToFileURL(join(compiledFolder, file)).href }))
    writeFileSync(entry, entryOf(named))
    return entry
  })
  // The groups first: each takes as long as many files.
  return [...entries, ...alone.map((file) => relative(projectRoot, join(compiledFolder, file)))]
}

/** The test process sees no file of the user's, and whatever it leaves behind goes with `home`. */
function createEnvironment(home: string): NodeJS.ProcessEnv {
  const { NODE_TEST_CONTEXT: _, XDG_CONFIG_HOME: _config, XDG_STATE_HOME: _state, ...inherited } = process.env
  const temporary = join(home, 'tmp')
  mkdirSync(temporary)
  const colour = process.stdout.isTTY ? { FORCE_COLOR: '1' } : {}
  return {
    ...inherited,
    ...colour,
    HOME: home,
    TMPDIR: temporary,
    XDG_DATA_HOME: join(home, 'share'),
    TOOLWARDEN_DATA: join(home, 'data'),
  }
}

async function runTests(entries: readonly string[], request: TestRequest, env: NodeJS.ProcessEnv): Promise<number> {
  const timeoutMs = request.real ? REAL_FILE_TIMEOUT_MS : FILE_TIMEOUT_MS
  const options = ['--test', '--test-reporter=spec', `--test-timeout=${timeoutMs}`]
  const runner = spawn(process.execPath, [...options, `--test-concurrency=${CONCURRENCY}`, ...entries], {
    cwd: projectRoot,
    env,
    stdio: ['ignore', 'pipe', 'inherit'],
  })
  for (const signal of ['SIGINT', 'SIGTERM'] as const) process.once(signal, () => runner.kill(signal))
  const ended = new Promise<number>((resolve, reject) => {
    runner.once('error', reject)
    runner.once('close', (code) => resolve(code ?? 1))
  })

  const summary = new RunSummary()
  const places = new SourcePlaces(projectRoot)
  for await (const line of createInterface({ input: runner.stdout })) {
    console.log(places.translate(line))
    summary.add(line)
  }
  return report(summary, await ended)
}

/** Ends the output with the counts; a run without a single test is a failure. */
function report(summary: RunSummary, code: number): number {
  for (const line of summary.repeat()) console.log(line)
  if (code === 0 && !summary.count('tests')) {
    console.error('no test ran')
    return 1
  }
  return code
}
