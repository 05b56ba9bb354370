// `npm run eval -- <directory> [--json] [--write]`: how much harm the detectors hold, and what that costs ordinary work,
// on recorded sessions (bench/eval). `--write` draws the charts and puts the tables into docs/detection.md.
import { readFileSync, writeFileSync } from 'node:fs'
import { parseArgs } from 'node:util'
import { drawDelays, drawFrontier } from './eval/charts.ts'
import { FRONTIER } from './eval/frontier.ts'
import { readSessions } from './eval/read-sessions.ts'
import { formatReport, type Report } from './eval/report.ts'
import { runEvaluation } from './eval/run.ts'

const PAGE = 'docs/detection.md'
const BEGIN = '<!-- eval: begin -->'
const END = '<!-- eval: end -->'

const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: { json: { type: 'boolean', default: false }, write: { type: 'boolean', default: false } },
})
const [directory] = positionals
if (directory === undefined) {
  console.error('usage: npm run eval -- <directory of *.calls.jsonl.gz and *.labels.jsonl.gz> [--json] [--write]')
  process.exitCode = 1
} else {
  const report = runEvaluation(readSessions(directory), FRONTIER)
  console.log(values.json ? JSON.stringify(report, null, 2) : formatReport(report))
  if (values.write) write(report)
}

function write(report: Report): void {
  writeFileSync('docs/detection-delays.svg', drawDelays(report.delays))
  writeFileSync('docs/detection-frontier.svg', drawFrontier(report))
  const page = readFileSync(PAGE, 'utf8')
  const [before = '', rest = ''] = page.split(BEGIN)
  const after = rest.split(END)[1] ?? ''
  writeFileSync(PAGE, `${before}${BEGIN}\n${formatReport(report)}\n${END}${after}`)
}
