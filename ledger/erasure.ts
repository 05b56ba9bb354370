// Erasure: salt, recorded bytes and signals of events go, the events stay. In this order, so that a crash leaves nothing that
// looks like tampering: the list of what goes is stored, its digest is chained in `admin/erased`, then the rows are overwritten.
import { ToolwardenError } from '../events/errors.ts'
import { type Condition, STANDING } from './history-filter.ts'
import type { LegalHold } from './legal-hold.ts'
import type { LedgerStore } from './store.ts'

/** Which payloads: those of events that match all that is given; at least one is. */
export interface ErasureSelection {
  readonly call?: string | undefined
  readonly session?: string | undefined
  readonly principal?: string | undefined
  /** Events of an earlier time, in the form of event times. */
  readonly before?: string | undefined
}

/** What an erasure would take. */
export interface ErasurePreview {
  readonly payloads: number
  /** Stored, before compression. */
  readonly bytes: number
  /** The holds that forbid some of it, with how many payloads each. */
  readonly held: readonly { readonly hold: LegalHold; readonly payloads: number }[]
}

/** What an erasure takes, for its event. */
export interface ErasurePlan {
  readonly payloads: number
  readonly digest: string
}

/** SQL for the digest of an erasure's list, as `admin/erased` has it. */
export const PLAN_DIGEST = "lower(hex(SHA256(arrayStringConcat(arraySort(groupUniqArray(toString(hash))), '\\n'))))"
const CARRIERS = `type IN ('authorization/propose', 'authorization/receipt') AND ${STANDING}`
const HOLDS_A_QUERY = 50

/** The erasures of one store. All methods fail with STORE_UNAVAILABLE or STORE_INVALID. */
export class Erasures {
  readonly #store: LedgerStore

  constructor(store: LedgerStore) {
    this.#store = store
  }

  /** Counts what would go, and what holds forbid of it. */
  async preview(selection: ErasureSelection, holds: readonly LegalHold[]): Promise<ErasurePreview> {
    const { sql, parameters } = selected(selection)
    const [counted] = await this.#store.select<{ payloads: number; bytes: number }>(
      `SELECT uniqExact(hash) AS payloads, sum(length(recorded) + length(signals)) AS bytes FROM payloads
       WHERE erased_by = '' AND hash IN (SELECT hash FROM events WHERE ${sql})`,
      parameters,
    )
    return { payloads: counted?.payloads ?? 0, bytes: counted?.bytes ?? 0, held: await this.#held(selection, holds) }
  }

  /** Stores the list of what goes, and changes nothing else. What holds forbid is left out. */
  async plan(erasure: string, selection: ErasureSelection, holds: readonly LegalHold[]): Promise<ErasurePlan> {
    const { sql, parameters } = withoutHeld(selected(selection), holds)
    await this.#store.planErasure(erasure, sql, parameters)
    return await this.#findPlan(erasure)
  }

  /** Whether an event is stored. */
  async isRecorded(event: string): Promise<boolean> {
    const rows = await this.#store.select(`SELECT 1 FROM events WHERE hash = {event:String} AND ${STANDING} LIMIT 1`, {
      event,
    })
    return rows.length > 0
  }

  /** Overwrites what an erasure listed, in the name of its event; STORE_INVALID where the event does not cover the list. */
  async carryOut(erasure: string, event: string): Promise<void> {
    const { digest } = await this.#findPlan(erasure)
    const said = (await this.#findEvents([erasure])).find(({ hash }) => hash === event)
    if (said?.digest !== digest)
      throw new ToolwardenError('STORE_INVALID', 'the list of this erasure is not the one that its event covers', {
        where: `erasure ${erasure}`,
        fix: 'erase again: what the list names and its event does not is not touched',
      })
    await this.#store.carryOutErasure(erasure, event)
  }

  /** Carries out what was recorded and not done: a crash came between. Resolves to the erasures that it finished. */
  async finish(): Promise<readonly string[]> {
    const open = await this.#store.select<{ erasure: string }>(
      `SELECT DISTINCT erasure FROM erasures WHERE hash IN (SELECT hash FROM payloads WHERE erased_by = '')`,
    )
    if (open.length === 0) return []
    const finished: string[] = []
    for (const { erasure, hash } of await this.#findEvents(open.map((each) => each.erasure))) {
      await this.carryOut(erasure, hash)
      finished.push(erasure)
    }
    return finished
  }

  async #findPlan(erasure: string): Promise<ErasurePlan> {
    const [plan] = await this.#store.select<ErasurePlan>(
      `SELECT uniqExact(hash) AS payloads, ${PLAN_DIGEST} AS digest FROM erasures WHERE erasure = {erasure:String}`,
      { erasure },
    )
    return plan ?? { payloads: 0, digest: '' }
  }

  async #findEvents(
    erasures: readonly string[],
  ): Promise<readonly { erasure: string; hash: string; digest: string }[]> {
    return await this.#store.select(
      `SELECT DISTINCT subject AS erasure, hash, JSONExtractString(body, 'digest') AS digest FROM events
       WHERE type = 'admin/erased' AND ${STANDING} AND subject IN {erasures:Array(String)}`,
      { erasures },
    )
  }

  async #held(selection: ErasureSelection, holds: readonly LegalHold[]): Promise<ErasurePreview['held']> {
    const found: { hold: LegalHold; payloads: number }[] = []
    for (let from = 0; from < holds.length; from += HOLDS_A_QUERY) {
      const some = holds.slice(from, from + HOLDS_A_QUERY)
      const { sql, parameters } = selected(selection)
      const each = some.map((hold, index) => equalCondition(hold, `h${index}_`))
      const [counted] = await this.#store.select<{ counts: readonly number[] }>(
        `SELECT [${each.map((condition) => `uniqExactIf(hash, ${condition.sql})`).join(', ')}] AS counts FROM events
         WHERE ${sql} AND hash IN (SELECT hash FROM payloads WHERE erased_by = '')`,
        Object.assign({}, parameters, ...each.map((condition) => condition.parameters)),
      )
      for (const [index, hold] of some.entries()) {
        const payloads = counted?.counts[index] ?? 0
        if (payloads > 0) found.push({ hold, payloads })
      }
    }
    return found
  }
}

/** The condition on `events` for what a selection names. */
function selected({ before, ...equal }: ErasureSelection): Condition {
  const { sql, parameters } = equalCondition(equal, 's_')
  if (before === undefined) return { sql: `${CARRIERS} AND ${sql}`, parameters }
  return { sql: `${CARRIERS} AND ${sql} AND time < {before:String}`, parameters: { ...parameters, before } }
}

function withoutHeld(condition: Condition, holds: readonly LegalHold[]): Condition {
  const each = holds.map((hold, index) => equalCondition(hold, `h${index}_`))
  return {
    sql: [condition.sql, ...each.map(({ sql }) => `NOT (${sql})`)].join(' AND '),
    parameters: Object.assign({}, condition.parameters, ...each.map(({ parameters }) => parameters)),
  }
}

/** The condition on `events` for what is named; parameters begin with the prefix. */
export function equalCondition(
  { call, session, principal }: Pick<ErasureSelection, 'call' | 'session' | 'principal'>,
  prefix: string,
): Condition {
  const parts: string[] = ['1']
  const parameters: Record<string, string> = {}
  for (const [column, value] of Object.entries({ call, session, principal })) {
    if (value === undefined) continue
    parts.push(`${column} = {${prefix}${column}:String}`)
    parameters[`${prefix}${column}`] = value
  }
  return { sql: parts.join(' AND '), parameters }
}
