// Charts of a report, as SVG files that need nothing to be shown. Pure.
import type { Report, Row } from './report.ts'

const WIDTH = 640
const HEIGHT = 360
const LEFT = 56
const BOTTOM = 48
const TOP = 40
const COLOURS = { familiar: '#1f6feb', unseen: '#bc4c00' } as const

/** Harm held by feedback delay, in seconds, both splits. */
export function drawDelays(rows: readonly Row[]): string {
  const seconds = rows.map(({ name }) => Number.parseFloat(name))
  const most = Math.max(...seconds, 0.1)
  const x = (value: number): number => LEFT + (value / most) * (WIDTH - LEFT - 24)
  const lines = (['familiar', 'unseen'] as const).map((split) => {
    const points = rows
      .filter((row) => row.split === split)
      .map(({ name, score }) => `${x(Number.parseFloat(name)).toFixed(1)},${y(score.held.share).toFixed(1)}`)
    return `<polyline points="${points.join(' ')}" fill="none" stroke="${COLOURS[split]}" stroke-width="2"/>`
  })
  const ticks = [...new Set(seconds)].map((value) => tick(x(value), `${value} s`))
  return frame('Harmful calls held, by feedback delay', 'feedback delay', [...ticks, ...lines])
}

/** Harm held against benign sessions escalated, one point a configuration; the bars are 95% intervals. */
export function drawFrontier({ frontier }: Report): string {
  const most = Math.max(...frontier.map(({ score }) => score.benignEscalated.share), 0.01)
  const x = (value: number): number => LEFT + (Math.min(value, most) / most) * (WIDTH - LEFT - 24)
  const points = frontier.map(({ split, name, score }) => {
    const place = x(score.benignEscalated.share).toFixed(1)
    const bar = `<line x1="${place}" x2="${place}" y1="${y(score.held.low).toFixed(1)}" y2="${y(score.held.high).toFixed(1)}" stroke="${COLOURS[split]}"/>`
    const dot = `<circle cx="${place}" cy="${y(score.held.share).toFixed(1)}" r="4" fill="${COLOURS[split]}"><title>${split}: ${name}</title></circle>`
    return bar + dot
  })
  const ticks = [0, 0.25, 0.5, 0.75, 1].map((part) => tick(x(part * most), (part * most * 1000).toFixed(0)))
  return frame('Harmful calls held, by benign sessions escalated', 'benign sessions per 1,000 with an escalation', [
    ...ticks,
    ...points,
  ])
}

function y(share: number): number {
  return TOP + (1 - share) * (HEIGHT - TOP - BOTTOM)
}

function tick(x: number, label: string): string {
  return `<text x="${x.toFixed(1)}" y="${HEIGHT - BOTTOM + 18}" text-anchor="middle">${label}</text>`
}

function frame(title: string, axis: string, content: readonly string[]): string {
  const levels = [0, 0.25, 0.5, 0.75, 1].map((share) => {
    const at = y(share).toFixed(1)
    return `<line x1="${LEFT}" x2="${WIDTH - 24}" y1="${at}" y2="${at}" stroke="#d0d7de"/><text x="${LEFT - 8}" y="${at}" text-anchor="end" dominant-baseline="middle">${share * 100}%</text>`
  })
  const legend = Object.entries(COLOURS).map(([split, colour], index) => {
    return `<text x="${WIDTH - 160 + index * 76}" y="20" fill="${colour}">${split}</text>`
  })
  return [
    `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${WIDTH} ${HEIGHT}" font-family="sans-serif" font-size="12">`,
    `<rect width="${WIDTH}" height="${HEIGHT}" fill="#ffffff"/>`,
    `<text x="${LEFT}" y="20" font-weight="bold">${title}</text>`,
    ...levels,
    ...content,
    ...legend,
    `<text x="${(WIDTH + LEFT) / 2}" y="${HEIGHT - 8}" text-anchor="middle">${axis}</text>`,
    '</svg>',
    '',
  ].join('\n')
}
