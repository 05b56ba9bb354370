// The page docs/attacks.md, made of the cases themselves: whoever reads it reads what the last run had to find.
import { ROWS } from './all-cases.ts'
import type { CaseText } from './attack-case.ts'
import { NOT_DETECTED, OTHER_TESTS } from './other-suites.ts'

const HEAD = `# Attacks, and what sees them

Each case is an honest run through the real pieces (run builder, ingest, chDB, sequencer, tiles, checkpoints, witnesses), one
mutation, and the verifier that must name it: its class (a violation code of \`toolwarden verify\`, an outcome of ingest, an error
code) and its position. \`npm run test:attacks\` runs them; a case that is not detected fails it, and so does one whose honest run
is not clean under the same verifier, or whose mutation changed nothing. This page is written by \`npm run test:attacks -- --write\`;
the command fails where it is stale.

Events are named by writer and sequence number, leaves by their index. The honest run of most cases is one of five calls: events 1
and 2 open it, call n has the events 3n (propose), 3n + 1 (decide) and 3n + 2 (receipt); its 17 events are the leaves 0 to 16.`

/** The whole page. */
export function attacksPage(cases: readonly CaseText[]): string {
  const sections = Object.entries(ROWS).map(([row, title]) => sectionOf(Number(row), title, cases))
  const count = `${cases.length} cases here, and ${OTHER_TESTS.length} tests of other suites that need whole processes.`
  return `${[HEAD, count, gaps(), ...sections].join('\n\n')}\n`
}

/** One case on one line, for a terminal. */
export function caseLine({ row, name, seenBy, finds }: CaseText): string {
  return `${String(row).padStart(2)}  ${name}: ${seenBy}: ${finds.length === 0 ? 'no alarm' : finds.join('; ')}`
}

function sectionOf(row: number, title: string, cases: readonly CaseText[]): string {
  const own = cases.filter((each) => each.row === row)
  const parts = [`## ${row}. ${title}`, ...caseTable(own), ...otherTable(row)]
  if (parts.length === 1) parts.push('No case: see "Known not detected".')
  return parts.join('\n\n')
}

function caseTable(cases: readonly CaseText[]): readonly string[] {
  if (cases.length === 0) return []
  const lines = cases.map(({ name, mutation, seenBy, finds }) => cellsOf([name, mutation, seenBy, ...found(finds)]))
  const head = cellsOf(['case', 'mutation', 'seen by', 'class', 'position'])
  return [[head, '|---|---|---|---|---|', ...lines].join('\n')]
}

function otherTable(row: number): readonly string[] {
  const lines = OTHER_TESTS.filter((each) => each.row === row).map(({ suite, title, holds }) =>
    cellsOf([`test/${suite}.test.ts`, title, holds]),
  )
  return lines.length === 0
    ? []
    : [[cellsOf(['other suite', 'test', 'what holds']), '|---|---|---|', ...lines].join('\n')]
}

function gaps(): string {
  const lines = NOT_DETECTED.map(({ row, what, why }) => `- **Row ${row}, ${what}**: ${why}`)
  return ['## Known not detected', '', ...lines].join('\n')
}

function found(finds: readonly string[]): readonly [string, string] {
  if (finds.length === 0) return ['no alarm', '']
  const pairs = finds.map((find) => find.split(' @ '))
  return [pairs.map(([name = '']) => name).join('; '), pairs.map(([, position = '']) => position).join('; ')]
}

function cellsOf(cells: readonly string[]): string {
  return `| ${cells.map((cell) => cell.replaceAll('|', '\\|')).join(' | ')} |`
}
