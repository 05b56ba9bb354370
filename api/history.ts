// What the API asks of the ledger's history: pages of verified events, newest first, each body compared with its columns
// before it is shown.
import type { Event } from '../events/event.ts'
import type { PageKey } from './page.ts'

/** An event of the ledger. */
export interface HistoryEvent {
  readonly event: Event
  readonly hash: string
  /** `accepted`, `late` (after a gap was reported) or `fork` (evidence that two events claim one place). */
  readonly outcome: string
  /** When the ledger stored it, in the form of event times. */
  readonly ingestedAt: string
  /** Set where the stored row contradicts the body: someone edited it. */
  readonly problem?: string
}

/** One governed call: what was proposed, decided and came back. */
export interface HistoryCall {
  readonly call: string
  readonly propose: HistoryEvent | undefined
  readonly decide: HistoryEvent | undefined
  readonly receipt: HistoryEvent | undefined
}

/** What travelled beside an event: the recorded value, if there is one that is not erased. */
export interface HistoryPayload {
  readonly hash: string
  readonly recorded?: Buffer
  /** Hash of the `admin/erased` event. */
  readonly erasedBy?: string
}

/** An alert and what became of it. */
export interface HistoryAlert {
  readonly raised: HistoryEvent
  readonly updates: readonly HistoryEvent[]
}

/** A place in a list and how much of it is wanted. */
export interface PageRequest {
  readonly after: PageKey | undefined
  readonly limit: number
}

/** The time range of a list: event times, `from` inclusive, `to` exclusive. */
export interface TimeRange {
  readonly from?: string | undefined
  readonly to?: string | undefined
}

/** Filters of events; each is an equality. */
export interface EventFilter extends TimeRange {
  readonly type?: string | undefined
  readonly server?: string | undefined
  readonly tool?: string | undefined
  readonly principal?: string | undefined
  readonly session?: string | undefined
  readonly call?: string | undefined
  readonly writer?: string | undefined
}

/** Filters of calls. `pending` stands for a call without a decision, or an allowed one without a receipt. */
export interface CallFilter extends TimeRange {
  readonly server?: string | undefined
  readonly tool?: string | undefined
  readonly principal?: string | undefined
  readonly session?: string | undefined
  readonly decision?: string | undefined
  readonly status?: string | undefined
}

/** Filters of alerts. */
export interface AlertFilter extends TimeRange {
  readonly state?: string | undefined
  readonly severity?: string | undefined
  readonly detector?: string | undefined
  readonly principal?: string | undefined
  readonly session?: string | undefined
}

/** The history that the API serves. All methods fail with STORE_UNAVAILABLE or STORE_INVALID. */
export interface History {
  findEvents(filter: EventFilter, page: PageRequest): Promise<readonly HistoryEvent[]>
  findCalls(filter: CallFilter, page: PageRequest): Promise<readonly HistoryCall[]>
  findCall(call: string): Promise<readonly HistoryEvent[]>
  findPayloads(hashes: readonly string[]): Promise<readonly HistoryPayload[]>
  findAlerts(filter: AlertFilter, page: PageRequest): Promise<readonly HistoryAlert[]>
  findAlert(alert: string): Promise<HistoryAlert | undefined>
  /** Answers at once if the store does. */
  ping(): Promise<void>
}
