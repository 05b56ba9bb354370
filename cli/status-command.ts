// `toolwarden status`: which servers of which clients have a gateway before them, whether `toolwarden up` runs, and what it
// has gateways do: what is stopped, and how many rules are live.
import { readCliToken } from '../api/cli-token.ts'
import { visible } from '../events/visible.ts'
import { callApi, findApi } from './api-client.ts'
import { type ClientOutcome, forEachClientFile } from './client-files.ts'
import { loadConfig } from './config.ts'
import { openInstallation } from './installation.ts'
import { findConfigFile } from './wrap/config-file.ts'
import { parseJsonText } from './wrap/json-text.ts'
import { findServerEntries, isCovered } from './wrap/server-entries.ts'

const ALIVE_TIMEOUT_MS = 2_000

interface FileStatus {
  readonly path: string
  readonly servers: readonly { readonly path: readonly string[]; readonly isCovered: boolean }[]
}

/** Shows the status of the named files, or of those at the known places. Throws CONFIG_INVALID. */
export async function runStatus(
  paths: readonly string[],
  flags: { readonly config?: string; readonly json?: boolean },
): Promise<void> {
  const { data } = await loadConfig(process.env, flags.config)
  const files = await forEachClientFile(paths, readStatus)
  const url = await findApi(data)
  const up = { data, url, runs: url !== undefined && (await isAlive(url)) }
  const control = url === undefined || !up.runs ? undefined : await readControl(data, url)
  if (flags.json === true) return print(JSON.stringify({ up, control, files }))
  for (const file of files) print(describe(file))
  if (files.length === 0) print('no configuration of a client was found')
  print(up.runs ? `toolwarden up runs at ${up.url}` : `toolwarden up does not run on ${data}`)
  if (control === undefined) print('what is stopped, and which rules are live, is known while it runs')
  else printControl(control)
}

interface Control {
  readonly stopped: readonly {
    readonly scope: string
    readonly at: string
    readonly by: string
    readonly reason: string
  }[]
  readonly liveRules: number
}

async function readControl(data: string, url: string): Promise<Control> {
  const { cliTokenFile } = await openInstallation(data)
  const token = await readCliToken(cliTokenFile)
  const { stopped, liveRules } = await callApi<Control>(url, '/v1/status', { method: 'GET', token })
  return { stopped, liveRules }
}

function printControl({ stopped, liveRules }: Control): void {
  for (const { scope, at, by, reason } of stopped)
    print(`STOPPED   ${visible(scope)} since ${at} by ${visible(by)}: ${visible(reason)}`)
  if (stopped.length === 0) print('nothing is stopped')
  print(`${liveRules} adaptive ${liveRules === 1 ? 'rule is' : 'rules are'} live`)
}

async function readStatus(path: string): Promise<FileStatus | undefined> {
  const file = await findConfigFile(path)
  if (file === undefined) return undefined
  const entries = findServerEntries(parseJsonText(file.text, path)).flat()
  return { path, servers: entries.map(({ path: keys, node }) => ({ path: keys, isCovered: isCovered(node) })) }
}

function describe({ client, path, servers }: ClientOutcome<FileStatus>): string {
  const lines = servers.map((server) => `  ${server.isCovered ? 'covered' : 'open   '}  ${server.path.join('.')}`)
  return [`${client}  ${path}`, ...(lines.length === 0 ? ['  no servers'] : lines)].join('\n')
}

/** Whether the API that announced itself still answers; a killed one leaves its announcement behind. */
async function isAlive(url: string): Promise<boolean> {
  return fetch(new URL('/healthz', url), { signal: AbortSignal.timeout(ALIVE_TIMEOUT_MS) }).then(
    async (response) => {
      await response.arrayBuffer()
      return response.ok
    },
    () => false,
  )
}

function print(text: string): void {
  process.stdout.write(`${text}\n`)
}
