// Lints made-up files with the project's own biome.json, in a temporary folder of their own.
// All files of one call share one Biome process: starting it costs more than linting them.
import { spawnSync } from 'node:child_process'
import { copyFileSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { z } from 'zod'
import { projectRoot } from './project-root.ts'

/** What Biome found fault with: the rule's category (`lint/style/noEnum`), the file and the line. */
export interface LintFinding {
  readonly rule: string
  readonly path: string
  readonly line: number
}

const report = z.object({
  diagnostics: z.array(
    z.object({
      category: z.string(),
      location: z.object({ path: z.string(), start: z.object({ line: z.number() }) }),
    }),
  ),
})

/** Lints `files` (path to source text) by the rules of biome.json; throws when Biome gives no report. */
export function lintSandbox(files: Readonly<Record<string, string>>): readonly LintFinding[] {
  const folder = mkdtempSync(join(tmpdir(), 'toolwarden-lint-'))
  try {
    copyFileSync(join(projectRoot, 'biome.json'), join(folder, 'biome.json'))
    for (const [path, source] of Object.entries(files)) {
      mkdirSync(dirname(join(folder, path)), { recursive: true })
      writeFileSync(join(folder, path), source)
    }
    return parseReport(runBiome(folder))
  } finally {
    rmSync(folder, { recursive: true })
  }
}

function runBiome(folder: string): string {
  const program = join(projectRoot, 'node_modules/@biomejs/biome/bin/biome')
  const options = ['lint', '--reporter=json', '--max-diagnostics=none', '--vcs-enabled=false', '.']
  const result = spawnSync(process.execPath, [program, ...options], { cwd: folder, encoding: 'utf8' })
  if (!result.stdout.startsWith('{')) throw new Error(`biome gave no report: ${result.stderr}`)
  return result.stdout
}

function parseReport(text: string): readonly LintFinding[] {
  const { diagnostics } = report.parse(JSON.parse(text))
  return diagnostics.map(({ category, location }) => ({
    rule: category,
    path: location.path,
    line: location.start.line,
  }))
}
