// `toolwarden policy lint`: every error of a policy, and what is odd about one that loads.
// Exit code 0 nothing but notes, 1 a warning, 4 it does not load.

import { ToolwardenError } from '../events/errors.ts'
import { visible } from '../events/visible.ts'
import { type LintFinding, lintPolicy } from '../gateway/policy/lint.ts'
import type { SeenTool } from '../gateway/policy/lint-tools.ts'
import { EXIT_CONFIG, EXIT_FOUND } from './exit-code.ts'
import { findPolicyFile, parsePolicyFile } from './policy-file.ts'
import { readToolsFile } from './seen-tools.ts'

/** Most different tools that are taken out of a history. */
const MAX_RECORDED_TOOLS = 100_000

/** Options as commander gives them. */
export interface LintFlags {
  readonly tools?: string
  readonly fromServer?: string
  /** Recorded calls: a file or directory of them, `true` for the ledger. */
  readonly recorded?: string | true
  readonly server?: string
  readonly config?: string
  readonly json?: boolean
}

/** Lints one policy and returns the exit code. Throws POLICY_INVALID where it can't be read, USAGE. */
export async function runPolicyLint(named: string | undefined, flags: LintFlags): Promise<number> {
  const file = await findPolicyFile(named, flags.config)
  const tools = await readTools(flags)
  const all = findAll(file, tools)
  const findings = flags.recorded === undefined ? all : all.map(toUnused)
  if (flags.json === true) print(JSON.stringify({ file, findings }))
  else print([...findings.map((each) => visible(describe(each))), summary(findings)].join('\n'))
  if (findings.some(({ level }) => level === 'error')) return EXIT_CONFIG
  return findings.some(({ level }) => level === 'warning') ? EXIT_FOUND : 0
}

async function readTools(flags: LintFlags): Promise<readonly SeenTool[] | undefined> {
  const { tools, fromServer, recorded, server, config } = flags
  if ([tools, fromServer, recorded].filter((source) => source !== undefined).length > 1)
    throw new ToolwardenError('USAGE', 'several sources of tools', {
      where: '--tools, --from-server, --recorded',
      fix: 'name one',
    })
  if (recorded !== undefined) return await readRecordedTools(flags)
  if (tools !== undefined) return readToolsFile(tools, server)
  if (fromServer === undefined) return undefined
  const { readDescribedTools } = await import('./policy-init-command.ts')
  const named = { ...(config === undefined ? {} : { config }), ...(server === undefined ? {} : { name: server }) }
  const described = await readDescribedTools(fromServer, named)
  return described.tools.map(({ name, arguments: names }) => ({ server, tool: name, arguments: names }))
}

/** That nobody called a tool yet does not say that there is none. */
function toUnused(finding: LintFinding): LintFinding {
  return finding.check === 'no-such-tool' ? { ...finding, level: 'note', check: 'never-called' } : finding
}

/** What was called, by server and name; which arguments a tool takes is not told by calls. */
async function readRecordedTools({ recorded, config }: LintFlags): Promise<readonly SeenTool[]> {
  const { openRecordedCalls } = await import('./recorded-calls.ts')
  const history = await openRecordedCalls({
    ...(config === undefined ? {} : { config }),
    ...(typeof recorded === 'string' ? { history: recorded } : {}),
  })
  const seen = new Map<string, SeenTool>()
  for await (const calls of history.batches)
    for (const { server, tool, method } of calls)
      if (method === 'tools/call' && seen.size < MAX_RECORDED_TOOLS)
        seen.set(JSON.stringify([server, tool]), { server, tool })
  return [...seen.values()]
}

function findAll(file: string, tools: readonly SeenTool[] | undefined): readonly LintFinding[] {
  const parsed = parsePolicyFile(file, Date.now())
  if ('ok' in parsed) return lintPolicy(parsed.ok, parsed.sources, tools)
  return parsed.errors.map((error) => ({ ...error, level: 'error', check: 'invalid' }))
}

function describe({ where, level, check, message }: LintFinding): string {
  return `${where}: ${level}: ${message} [${check}]`
}

function summary(findings: readonly LintFinding[]): string {
  const count = (level: string): number => findings.filter((each) => each.level === level).length
  if (findings.length === 0) return 'nothing found'
  return `${count('error')} errors, ${count('warning')} warnings, ${count('note')} notes`
}

function print(text: string): void {
  process.stdout.write(`${text}\n`)
}
