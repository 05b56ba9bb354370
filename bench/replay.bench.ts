// How long does `policy replay` take over a million recorded calls (target: 60 s on 2 cores), from a file of JSON lines and
// from the ledger's own store (chDB)? `npm run bench:replay -- [--calls <n>] [--seed <n>] [--from file|store]`. The history
// is made up from a seed; the command is the built one, as its user runs it, in a process of its own.
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { createWriteStream, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { parseArgs } from 'node:util'
import { stringify } from 'yaml'
import { ensureInstallation } from '../cli/installation.ts'
import type { ReplayReport } from '../cli/replay-report.ts'
import { openLedgerStore } from '../ledger/clickhouse-store.ts'
import { formatCallLine } from '../ledger/recorded-call.ts'
import { fillStore } from './replay/fill-store.ts'
import { generateCalls } from './replay/generate-calls.ts'

const TARGET_SECONDS = 60
const TARGET_CALLS = 1_000_000
const CLI = new URL('../cli/main.js', import.meta.url).pathname

const { values } = parseArgs({
  options: {
    calls: { type: 'string', default: String(TARGET_CALLS) },
    seed: { type: 'string', default: '1' },
    from: { type: 'string' },
  },
})
const calls = Number(values.calls)
const seed = Number(values.seed)
const directory = mkdtempSync(join(tmpdir(), 'toolwarden-replay-'))
try {
  const policy = join(directory, 'policy.yaml')
  writeFileSync(policy, stringify({ version: '1', rules: benchRules() }, { aliasDuplicateObjects: false }))
  const results: boolean[] = []
  if (values.from !== 'store') results.push(await replayFile(policy))
  if (values.from !== 'file') results.push(await replayStore(policy))
  process.exitCode = results.every(Boolean) ? 0 : 1
} finally {
  rmSync(directory, { recursive: true, force: true, maxRetries: 5 })
}

/** 100 rules: each kind of constraint and limit, and many that match nothing here. */
function benchRules(): readonly object[] {
  const others = Array.from({ length: 90 }, (_, place) => ({
    id: `other-${place}`,
    tool: `tool_${place}_*`,
    action: 'deny',
  }))
  const limit = { properties: { limit: { maximum: 8 } }, required: ['limit'] }
  return [
    ...others,
    {
      id: 'reads',
      tool: ['read_*', 'list_*'],
      action: 'allow',
      constraints: { allowedPaths: ['/srv/'], deniedPaths: ['**/.env', '*/project-3/*'] },
    },
    {
      id: 'writes',
      tool: 'write_file',
      action: 'allow',
      constraints: { allowedPaths: ['/srv/project-1'], notPaths: ['content'] },
    },
    {
      id: 'fetch',
      tool: 'fetch',
      action: 'allow',
      constraints: { allowedDomains: ['*.example.com', '*.example.net'] },
    },
    { id: 'search', tool: 'search', action: 'allow', constraints: { arguments: limit } },
    { id: 'mail', tool: 'send_email', action: 'allow', rateLimit: { calls: 10, per: '1h', by: 'principal' } },
    { id: 'pay', tool: 'pay', action: 'allow', budget: { argument: 'amount', max: 500, per: '1d', by: 'principal' } },
    { id: 'issues', tool: 'get_*', action: 'allow', when: { from: '08:00', to: '18:00', timeZone: 'Europe/Berlin' } },
  ]
}

async function replayFile(policy: string): Promise<boolean> {
  const path = join(directory, 'history.jsonl')
  const file = createWriteStream(path)
  for (const call of generateCalls(calls, seed)) if (!file.write(`${formatCallLine(call)}\n`)) await once(file, 'drain')
  file.end()
  await once(file, 'close')
  return await run('a file of JSON lines', [policy, '--history', path])
}

async function replayStore(policy: string): Promise<boolean> {
  const data = join(directory, 'data')
  const { log } = await ensureInstallation(data)
  const store = await openLedgerStore({ directory: join(data, 'store') }, log)
  const events = await fillStore(store, log, generateCalls(calls, seed))
  await store.close()
  return await run(`the store (chDB, ${events.toLocaleString('en')} events)`, [policy], data)
}

async function run(what: string, args: readonly string[], data = join(directory, 'none')): Promise<boolean> {
  const start = performance.now()
  const child = spawn(process.execPath, [CLI, 'policy', 'replay', ...args, '--json'], {
    env: { ...process.env, TOOLWARDEN_DATA: data },
    stdio: ['ignore', 'pipe', 'inherit'],
  })
  let output = ''
  let peak = ''
  const look = setInterval(() => {
    peak = peakMemory(child.pid) ?? peak
  }, 100)
  child.stdout.setEncoding('utf8').on('data', (text: string) => {
    output += text
  })
  await once(child, 'close')
  clearInterval(look)
  const seconds = (performance.now() - start) / 1000
  const report = JSON.parse(output) as ReplayReport
  const { allow, deny, escalate, undecided } = report.decisions
  console.log(`from ${what}: ${report.calls.toLocaleString('en')} calls in ${seconds.toFixed(1)} s${peak}`)
  console.log(
    `  allow ${allow}, deny ${deny}, escalate ${escalate}, not decided ${undecided}, changed ${report.changed.calls}`,
  )
  return report.calls === calls && seconds <= (TARGET_SECONDS * calls) / TARGET_CALLS + 5
}

/** The most memory that the process had so far, where the system says so. */
function peakMemory(pid: number | undefined): string | undefined {
  try {
    const peak = /VmHWM:\s*(\d+) kB/.exec(readFileSync(`/proc/${pid}/status`, 'utf8'))?.[1]
    return peak === undefined ? undefined : `, peak ${Math.round(Number(peak) / 1024)} MiB`
  } catch {
    // The process has ended, or this is no Linux: then there is nothing to show.
    return undefined
  }
}
