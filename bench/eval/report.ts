// What an evaluation prints: Markdown tables of shares with their intervals. Pure.
import type { Split } from './folds.ts'
import type { Score, Share } from './score.ts'

/** One line of a table. */
export interface Row {
  readonly split: Split
  readonly name: string
  readonly score: Score
}

/** Everything that one run of the evaluation found. */
export interface Report {
  readonly sessions: Readonly<Record<string, number>>
  readonly harmfulCalls: number
  /** By feedback delay, the frozen configuration. */
  readonly delays: readonly Row[]
  /** By detector, at 0.25 s; `together` first. */
  readonly detectors: readonly Row[]
  readonly frontier: readonly Row[]
}

/** The report as Markdown. */
export function formatReport(report: Report): string {
  const sessions = Object.entries(report.sessions).map(([label, count]) => `${count} ${label}`)
  return [
    `Sessions: ${sessions.join(', ')}; ${report.harmfulCalls} harmful calls. In brackets Wilson 95% intervals, clustered by task.`,
    formatRows('By feedback delay, one frozen configuration', 'delay', report.delays),
    formatRows('By detector, 0.25 s', 'detector', report.detectors),
    formatRows('Frontier, 0.25 s', 'configuration', report.frontier),
  ].join('\n\n')
}

/** One table as Markdown; `first` heads the names. */
export function formatRows(title: string, first: string, rows: readonly Row[]): string {
  const head = [
    'split',
    first,
    'held',
    'denied',
    'harm itself',
    'benign escalated / 1,000',
    'benign denied / 1,000',
    'ignored touched',
    'delay, calls',
  ]
  const lines = rows.map(({ split, name, score }) => [
    split,
    name,
    percent(score.held),
    percent(score.denied),
    percent(score.harmItself),
    perThousand(score.benignEscalated),
    perThousand(score.benignDenied),
    score.ignoredTouched.of === 0 ? '–' : percent(score.ignoredTouched),
    String(score.delayCalls),
  ])
  const body = [head, head.map(() => '---'), ...lines].map((cells) => `| ${cells.join(' | ')} |`)
  return [`**${title}**`, '', ...body].join('\n')
}

function percent({ share, low, high }: Share): string {
  return `${(share * 100).toFixed(1)}% (${(low * 100).toFixed(1)}–${(high * 100).toFixed(1)})`
}

function perThousand({ share, low, high }: Share): string {
  return `${(share * 1000).toFixed(1)} (${(low * 1000).toFixed(1)}–${(high * 1000).toFixed(1)})`
}
