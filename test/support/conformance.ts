// The official conformance suite, run against one URL; and two of its runs laid side by side, check by check.
import { execFile } from 'node:child_process'
import { existsSync } from 'node:fs'
import { mkdtemp, readdir, readFile, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { peers } from './reference-peers.ts'

/** Revisions of the specification that the suite is run for. */
export type Revision = '2025-11-25' | '2026-07-28'

/** The checks of one run: status by scenario, check and how many of that name came before. */
export type Checks = ReadonlyMap<string, string>

/** Two runs side by side. */
export interface Comparison {
  /** Both columns, one line a check. */
  readonly lines: readonly string[]
  /** The lines whose columns are not the same, those of `stricter` left out. */
  readonly differences: readonly string[]
  /** Names of the checks that the server fails and the gateway does not let it fail. */
  readonly stricter: readonly string[]
  /** Names of the checks that fail directly. */
  readonly failed: readonly string[]
  /** Checks that passed, by column. */
  readonly passed: { readonly direct: number; readonly through: number }
}

const RUN_TIMEOUT_MS = 240_000
/** What the suite puts behind a scenario's name. */
const RUN_TIME = /-\d{4}-\d\d-\d\dT[\d-]+Z$/

interface Check {
  readonly id: string
  readonly status: string
}

const GIVEN_UP: readonly Check[] = [{ id: 'given up', status: 'GIVEN UP' }]

/** Runs every scenario that a revision requires, and those that it runs without scoring them. */
export async function runConformance(url: string, revision: Revision): Promise<Checks> {
  const output = await mkdtemp(join(tmpdir(), 'toolwarden-conformance-'))
  try {
    const args = ['server', '--url', url, '--requirements', revision, '-o', output]
    // It ends with 1 where a check fails: what failed stands in its files.
    await promisify(execFile)(peers.node, [peers.conformance, ...args], {
      timeout: RUN_TIMEOUT_MS,
      maxBuffer: 64 * 1024 * 1024,
    }).catch((error: unknown) => {
      if ((error as { readonly code?: unknown }).code !== 1) throw error
    })
    return await readChecks(output)
  } finally {
    await rm(output, { recursive: true, force: true })
  }
}

/** Lays two runs side by side. */
export function compareChecks(direct: Checks, through: Checks): Comparison {
  const names = [...new Set([...direct.keys(), ...through.keys()])].toSorted()
  const rows = names.map((name) => {
    const columns = [direct.get(name) ?? 'absent', through.get(name) ?? 'absent'] as const
    const stricter = columns[0] === 'FAILURE' && columns[1] !== 'FAILURE'
    return {
      name,
      failed: columns[0] === 'FAILURE',
      line: `${name.padEnd(110)} ${columns[0].padEnd(8)} ${columns[1]}`,
      same: columns[0] === columns[1],
      stricter,
    }
  })
  const passed = (checks: Checks): number => [...checks.values()].filter((status) => status === 'SUCCESS').length
  return {
    lines: rows.map(({ line }) => line),
    differences: rows.filter(({ same, stricter }) => !same && !stricter).map(({ line }) => line),
    stricter: rows.filter(({ stricter }) => stricter).map(({ name }) => name),
    failed: rows.filter(({ failed }) => failed).map(({ name }) => name),
    passed: { direct: passed(direct), through: passed(through) },
  }
}

async function readChecks(output: string): Promise<Checks> {
  const checks = new Map<string, string>()
  for (const folder of await readdir(output)) {
    const scenario = folder.replace(RUN_TIME, '')
    // A scenario that could not go on with this server leaves its folder empty.
    const file = join(output, folder, 'checks.json')
    const found = existsSync(file) ? (JSON.parse(await readFile(file, 'utf8')) as readonly Check[]) : GIVEN_UP
    for (const { id, status } of found) checks.set(freeName(checks, `${scenario}: ${id}`), status)
  }
  return checks
}

/** A check may come several times in one scenario; the suite keeps their order. */
function freeName(taken: Checks, name: string): string {
  for (let count = 1; ; count++) {
    const numbered = count === 1 ? name : `${name} (${count})`
    if (!taken.has(numbered)) return numbered
  }
}
