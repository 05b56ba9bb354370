// `npm run eval:import -- <runs directory> <out directory> [--servers <file>]`: run logs in AgentDojo's form, as the public AgentDyn
// repository has them, become the traces that `npm run eval` reads. `--servers` names a JSON file {"server": ["tool", …]}.
import { mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { parseArgs } from 'node:util'
import { gzipSync } from 'node:zlib'
import { type ImportedRun, importRun, type ServerOf } from './eval/agentdojo.ts'

const { values, positionals } = parseArgs({ allowPositionals: true, options: { servers: { type: 'string' } } })
const [from, to] = positionals
if (from === undefined || to === undefined) {
  console.error('usage: npm run eval:import -- <runs directory> <out directory> [--servers <file>]')
  process.exitCode = 1
} else importAll(from, to, readServers(values.servers))

function importAll(source: string, target: string, serverOf: ServerOf): void {
  mkdirSync(target, { recursive: true })
  const skipped = new Map<string, number>()
  for (const folder of foldersOf(source)) {
    const runs: ImportedRun[] = []
    for (const file of listLogs(join(source, folder))) {
      const run = importRun(readFileSync(join(source, folder, file), 'utf8'), join(folder, file), serverOf)
      if (typeof run === 'string') skipped.set(run, (skipped.get(run) ?? 0) + 1)
      else runs.push(run)
    }
    if (runs.length > 0) write(join(target, folder === '.' ? 'runs' : folder.replaceAll('/', '_')), runs)
  }
  for (const [reason, count] of skipped) console.log(`left out ${count}: ${reason}`)
}

/** One pair of files a pipeline, so that no more than one is in memory. */
function foldersOf(source: string): readonly string[] {
  const folders = readdirSync(source, { withFileTypes: true }).filter((entry) => entry.isDirectory())
  return folders.length === 0 ? ['.'] : folders.map(({ name }) => name).toSorted()
}

function listLogs(folder: string): readonly string[] {
  return readdirSync(folder, { recursive: true, encoding: 'utf8' })
    .filter((name) => name.endsWith('.json'))
    .toSorted()
}

function write(base: string, runs: readonly ImportedRun[]): void {
  const lines = (all: readonly object[]): Buffer => gzipSync(`${all.map((line) => JSON.stringify(line)).join('\n')}\n`)
  const calls = runs.flatMap((run) => run.calls)
  writeFileSync(`${base}.calls.jsonl.gz`, lines(calls))
  writeFileSync(`${base}.labels.jsonl.gz`, lines(runs.flatMap((run) => run.labels)))
  console.log(`${base}: ${runs.length} sessions, ${calls.length} calls`)
}

function readServers(file: string | undefined): ServerOf {
  if (file === undefined) return () => undefined
  const servers = JSON.parse(readFileSync(file, 'utf8')) as Readonly<Record<string, readonly string[]>>
  const byTool = new Map(
    Object.entries(servers).flatMap(([server, tools]) => tools.map((tool) => [tool, server] as const)),
  )
  return (tool) => byTool.get(tool)
}
