// Prunes the ledger: what goes is counted, `admin/pruned` is chained, and only once the ledger has stored that event do rows go.
import { ToolwardenError } from '../events/errors.ts'
import { type Clock, formatTime } from '../events/time.ts'
import type { LegalHold } from '../ledger/legal-hold.ts'
import type { PrunePreview, Prunings } from '../ledger/pruning.ts'
import { type OperatorMeans, recordEvent } from './operator.ts'
import { untilStored } from './until-stored.ts'

/** Holds that a refusal names one by one. */
const NAMED_HOLDS = 10

/** What pruning works with. */
export interface PruneMeans {
  readonly prunings: Prunings
  readonly findHolds: () => Promise<readonly LegalHold[]>
  readonly operator: OperatorMeans
  readonly clock: Clock
}

/** Which months, by whom and why. */
export interface PruneOrder {
  /** The first month that stays: `2026-08`. */
  readonly before: string
  readonly by: string
  readonly reason: string
  readonly dryRun: boolean
}

/** What went, or would. */
export interface PruneOutcome extends PrunePreview {
  readonly what: string
  /** Hash of the `admin/pruned` event; undefined in a dry run, and where there was nothing to prune. */
  readonly event: string | undefined
}

/** Prunes, one order after the other. Throws as `prune` does. */
export type Prune = (order: PruneOrder) => Promise<PruneOutcome>

/** The pruning of one process: two orders at once would count the same rows. */
export function createPrune(means: PruneMeans): Prune {
  let last: Promise<unknown> = Promise.resolve()
  return (order) => {
    const done = last.then(() => prune(order, means))
    last = done.catch(() => undefined)
    return done
  }
}

/** Carries out an order. Throws CONFLICT where a legal hold forbids it, REQUEST_INVALID for a month that is not over. */
async function prune(order: PruneOrder, means: PruneMeans): Promise<PruneOutcome> {
  const { prunings, findHolds, operator, clock } = means
  const { before: month, by, reason, dryRun } = order
  const beforeMicros = monthMicros(month)
  if (beforeMicros > monthMicros(formatTime(clock.nowMicros()).slice(0, 7)))
    throw new ToolwardenError('REQUEST_INVALID', 'only months that are over can be pruned', {
      where: 'before',
      fix: 'name this month, or an earlier one: what is older goes',
    })
  if (!dryRun) await prunings.carryOut()
  const preview = await prunings.preview(beforeMicros, await findHolds())
  const what = `months before ${month}: ${preview.events} events, ${preview.payloads} payloads`
  if (dryRun) return { ...preview, what, event: undefined }
  refuseHeld(preview)
  if (preview.minIndex === 0 || preview.events === 0) return { ...preview, what, event: undefined }
  const said = { what, before: formatTime(beforeMicros), minIndex: preview.minIndex, by, reason }
  const { hash } = await recordEvent(operator, { type: 'admin/pruned', ...said })
  const isStored = async (): Promise<true | undefined> => ((await prunings.isRecorded(hash)) ? true : undefined)
  await untilStored(isStored, 'It is carried out at the next start, or with the next prune.')
  await prunings.carryOut()
  return { ...preview, what, event: hash }
}

/** The first month that stays where so many whole months before the present one are kept. */
export function firstKeptMonth(nowMicros: number, months: number): string {
  const now = new Date(nowMicros / 1000)
  return new Date(Date.UTC(now.getUTCFullYear(), now.getUTCMonth() - months, 1)).toISOString().slice(0, 7)
}

/** The first moment of a month (`2026-08`, UTC), microseconds since 1970. */
function monthMicros(month: string): number {
  return Date.parse(`${month}-01T00:00:00Z`) * 1000
}

function refuseHeld({ held }: PrunePreview): void {
  if (held.length === 0) return
  const named = held
    .slice(0, NAMED_HOLDS)
    .map(({ hold, events }) => `${events} under ${hold.hold} (${hold.reason.slice(0, 200)})`)
  throw new ToolwardenError('CONFLICT', `events are under a legal hold: ${named.join('; ')}`, {
    where: `${held.length} holds`,
    fix: 'prune up to an earlier month, or release the hold: a month goes as a whole',
  })
}
