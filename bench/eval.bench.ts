// `npm run eval -- <directory> [--json] [--write]`: how much harm the detectors hold, and what that costs ordinary work,
// on recorded sessions (bench/eval). `--write` draws the charts and puts the tables into docs/detection.md.
import { readFileSync, writeFileSync } from 'node:fs'
import { parseArgs } from 'node:util'
import { describeError, ToolwardenError } from '../events/errors.ts'
import { breakDown, formatBreakdown, GROUPINGS } from './eval/breakdown.ts'
import { drawDelays, drawFrontier } from './eval/charts.ts'
import { SPLITS } from './eval/folds.ts'
import { FRONTIER } from './eval/frontier.ts'
import { readSessions } from './eval/read-sessions.ts'
import { formatReport, type Report } from './eval/report.ts'
import { runEvaluation } from './eval/run.ts'
import type { Share } from './eval/score.ts'

const PAGE = 'docs/detection.md'

const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: {
    json: { type: 'boolean', default: false },
    write: { type: 'boolean', default: false },
    'end-to-end': { type: 'boolean', default: false },
    by: { type: 'string' },
    sessions: { type: 'string', default: '40' },
    split: { type: 'string', default: 'familiar' },
  },
})
const [directory] = positionals
await main().catch((error: unknown) => {
  if (!(error instanceof ToolwardenError)) throw error
  console.error(describeError(error))
  process.exitCode = 2
})

async function main(): Promise<void> {
  if (directory === undefined) {
    console.error('usage: npm run eval -- <directory of *.calls.jsonl.gz and *.labels.jsonl.gz> [--json] [--write]')
    console.error(
      '  --end-to-end [--sessions 40] [--split familiar|unseen]: a sample through real gateways and detectors',
    )
    console.error(`  --by ${GROUPINGS.join('|')}: what sessions have in common, with markers and without`)
    process.exitCode = 2
    return
  }
  if (values.by !== undefined) return printBreakdown(directory, values.by)
  if (values['end-to-end']) return runEndToEnd(directory)
  const report = runEvaluation(readSessions(directory), FRONTIER)
  console.log(values.json ? JSON.stringify(report, null, 2) : formatReport(report))
  if (values.write) write(report)
}

function printBreakdown(from: string, by: string): void {
  const grouping = GROUPINGS.find((each) => each === by)
  if (grouping === undefined) throw new ToolwardenError('USAGE', `no such grouping: ${by}`)
  const rows = breakDown(readSessions(from), grouping)
  console.log(values.json ? JSON.stringify(rows, null, 2) : formatBreakdown(rows, grouping))
  if (values.write) writeBlock(`by ${grouping}`, formatBreakdown(rows, grouping))
}

async function runEndToEnd(from: string): Promise<void> {
  const split = SPLITS.find((each) => each === values.split)
  if (split === undefined) throw new ToolwardenError('USAGE', `no such split: ${values.split}`)
  const { playEndToEnd } = await import('./eval/end-to-end.ts')
  const onPlayed = (played: number): void =>
    void process.stderr.write(process.stderr.isTTY ? `\r${played} played ` : '')
  const sessions = Number(values.sessions)
  const report = await playEndToEnd(readSessions(from), { directory: from, split, sessions, onPlayed })
  if (values.json) return console.log(JSON.stringify(report))
  console.log(`${split}: ${report.attacked} attacked and ${report.benign} benign sessions through the real loop`)
  console.log(`harmful calls that reached no server: ${describeShare(report.stopped)}`)
  console.log(`the same calls in the open loop, 0.25 s: ${describeShare(report.stoppedInOpenLoop)}`)
  console.log(`benign sessions with a call that reached no server: ${describeShare(report.benignTouched)}`)
}

function describeShare({ count, of, share, low, high }: Share): string {
  const [part, from, to] = [share, low, high].map((each) => (100 * each).toFixed(1))
  return `${count} of ${of}, ${part}% (${from}–${to})`
}

function write(report: Report): void {
  writeFileSync('docs/detection-delays.svg', drawDelays(report.delays))
  writeFileSync('docs/detection-frontier.svg', drawFrontier(report))
  writeBlock('eval', formatReport(report))
}

/** Puts a text between two comments of the page; nothing where they are not there. */
function writeBlock(name: string, text: string): void {
  const [begin, end] = [`<!-- ${name}: begin -->`, `<!-- ${name}: end -->`]
  const page = readFileSync(PAGE, 'utf8')
  const [before = '', rest] = page.split(begin)
  const after = rest?.split(end)[1]
  if (after !== undefined) writeFileSync(PAGE, `${before}${begin}\n${text}\n${end}${after}`)
}
