// The command `npm run test:attacks`: runs every case, prints the table and what failed, and holds docs/attacks.md against
// it. `--write` writes that page, `--only <text>` takes the cases whose name or row has it, `--clean <events>` the clean run alone.
import { readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { parseArgs } from 'node:util'
import { projectRoot } from '../support/project-root.ts'
import { allCases } from './all-cases.ts'
import { type AttackCase, findFailure } from './attack-case.ts'
import { attacksPage, caseLine } from './attacks-page.ts'
import { cleanCases } from './clean-run.ts'
import { closeBench } from './ledger-stage.ts'
import { findMissingTests } from './other-suites.ts'

const PAGE = join(projectRoot, 'docs', 'attacks.md')

process.exitCode = await main(process.argv.slice(2))

async function main(args: readonly string[]): Promise<number> {
  const { values } = parseArgs({
    args: [...args],
    options: { write: { type: 'boolean' }, only: { type: 'string' }, clean: { type: 'string' } },
  })
  const { only, clean } = values
  const all = allCases()
  const cases =
    clean !== undefined
      ? cleanCases(Number(clean))
      : all.filter(({ row, name }) => `${row} ${name}`.includes(only ?? ''))
  const isWhole = only === undefined && clean === undefined
  const failures = await runAll(cases)
  await closeBench()
  if (isWhole) failures.push(...comparePage(attacksPage(all), values.write === true), ...findMissingTests())
  for (const failure of failures) console.log(`✖ ${failure}`)
  // The words of node's own test runner: whoever counts tests counts these too.
  const failed = failures.length
  console.log(`ℹ tests ${cases.length}\nℹ pass ${Math.max(0, cases.length - failed)}\nℹ fail ${failed}`)
  return failed > 0 || cases.length === 0 ? 1 : 0
}

async function runAll(cases: readonly AttackCase[]): Promise<string[]> {
  const failures: string[] = []
  for (const each of cases) {
    if (each.skip !== undefined) {
      console.log(`- ${caseLine(each)}: skipped, ${each.skip}`)
      continue
    }
    const started = performance.now()
    const failure = await runOne(each)
    console.log(
      `${failure === undefined ? '✔' : '✖'} ${caseLine(each)} (${Math.round(performance.now() - started)} ms)`,
    )
    if (failure !== undefined) failures.push(`row ${each.row}, ${each.name}: ${failure}`)
  }
  return failures
}

async function runOne(each: AttackCase): Promise<string | undefined> {
  try {
    return findFailure(each, await each.run())
  } catch (error) {
    return `it broke: ${error instanceof Error ? error.stack : String(error)}`
  }
}

/** The page that is kept must be the one that this run makes. */
function comparePage(page: string, isWriting: boolean): readonly string[] {
  if (isWriting) writeFileSync(PAGE, page)
  return readFileSync(PAGE, 'utf8') === page ? [] : ['docs/attacks.md is stale: npm run test:attacks -- --write']
}
