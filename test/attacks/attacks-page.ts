// The page docs/attacks.md, made of the cases themselves: whoever reads it reads what the last run had to find.
import { ROWS } from './all-cases.ts'
import type { CaseText } from './attack-case.ts'

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
  return `${[HEAD, `${cases.length} cases.`, ...sections].join('\n\n')}\n`
}

/** One case on one line, for a terminal. */
export function caseLine({ row, name, seenBy, finds }: CaseText): string {
  return `${String(row).padStart(2)}  ${name}: ${seenBy}: ${finds.length === 0 ? 'no alarm' : finds.join('; ')}`
}

function sectionOf(row: number, title: string, cases: readonly CaseText[]): string {
  const own = cases.filter((each) => each.row === row)
  const head = `## ${row}. ${title}`
  if (own.length === 0) return `${head}\n\nNo case yet.`
  const lines = own.map(({ name, mutation, seenBy, finds }) => cellsOf([name, mutation, seenBy, ...found(finds)]))
  return [
    head,
    '',
    cellsOf(['case', 'mutation', 'seen by', 'class', 'position']),
    '|---|---|---|---|---|',
    ...lines,
  ].join('\n')
}

function found(finds: readonly string[]): readonly [string, string] {
  if (finds.length === 0) return ['no alarm', '']
  const pairs = finds.map((find) => find.split(' @ '))
  return [pairs.map(([name = '']) => name).join('; '), pairs.map(([, position = '']) => position).join('; ')]
}

function cellsOf(cells: readonly string[]): string {
  return `| ${cells.map((cell) => cell.replaceAll('|', '\\|')).join(' | ')} |`
}
