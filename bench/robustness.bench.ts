// `npm run bench:robustness -- [directory of traces] [--write]`: what detection still holds when an attacker works against it:
// sweeps and drips, other spellings, detours, a poisoned history, floods. `--write` puts the tables into docs/detection.md.
import { readFileSync, writeFileSync } from 'node:fs'
import { parseArgs } from 'node:util'
import { readSessions } from './eval/read-sessions.ts'
import { flood } from './robustness/flood.ts'
import { harden } from './robustness/recorded.ts'
import { countSwept, hoursOfDrip, hoursOfLoop } from './robustness/sweeps.ts'
import { isHeld, SPELLINGS } from './robustness/transformed.ts'

const PAGE = 'docs/detection.md'
const BEGIN = '<!-- robustness: begin -->'
const END = '<!-- robustness: end -->'

const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: { write: { type: 'boolean', default: false } },
})
const [directory] = positionals
const text = [
  sweepLines(),
  table('Other spellings of a destination', ['spelling', 'what', 'the write is'], spellingRows()),
  ...(directory === undefined
    ? []
    : [
        table(
          'Recorded attacks made harder, unseen tasks, 0.25 s',
          ['attack', 'held', 'denied'],
          recordedRows(directory),
        ),
      ]),
  table(
    'A day of flood, one principal',
    ['flood', 'rules in force', 'denied automatically', 'an ordinary write of a new session', 'of the flooded one'],
    floodRows(),
  ),
].join('\n\n')
console.log(text)
if (values.write) {
  const page = readFileSync(PAGE, 'utf8')
  const [before = '', rest = ''] = page.split(BEGIN)
  writeFileSync(PAGE, `${before}${BEGIN}\n${text}\n${END}${rest.split(END)[1] ?? ''}`)
}

function sweepLines(): string {
  const rows = [1000, 500, 250, 100, 50, 10, 0].map((everyMs) => {
    return [`${everyMs} ms`, String(countSwept(everyMs, 250)), String(countSwept(everyMs, 100))]
  })
  const drip = hoursOfDrip()
  const loop = hoursOfLoop()
  return [
    table('Sweep of 30 objects: how many are read', ['a call every', 'rule after 250 ms', 'after 100 ms'], rows),
    '',
    `One new object in ten minutes raises an alert after ${drip === undefined ? 'more than a day' : `${drip.toFixed(1)} hours`}; a loop over five objects, every five minutes for a day, ${loop === undefined ? 'raises none' : `raises one after ${loop.toFixed(1)} hours`}.`,
  ].join('\n')
}

function spellingRows(): readonly (readonly string[])[] {
  return SPELLINGS.map((each) => [each.kind, each.name, isHeld(each) ? 'held' : 'let pass'])
}

function recordedRows(folder: string): readonly (readonly string[])[] {
  return harden(readSessions(folder)).map(({ name, held, denied }) => [name, percent(held), percent(denied)])
}

function floodRows(): readonly (readonly string[])[] {
  return flood().map(({ name, liveRules, deniedMinutes, ordinary }) => {
    return [name, String(liveRules), `${deniedMinutes} minutes`, ...ordinary]
  })
}

function percent({
  share,
  low,
  high,
}: {
  readonly share: number
  readonly low: number
  readonly high: number
}): string {
  return `${(share * 100).toFixed(1)}% (${(low * 100).toFixed(1)}–${(high * 100).toFixed(1)})`
}

function table(title: string, head: readonly string[], rows: readonly (readonly string[])[]): string {
  const lines = [head, head.map(() => '---'), ...rows].map((cells) => `| ${cells.join(' | ')} |`)
  return [`**${title}**`, '', ...lines].join('\n')
}
