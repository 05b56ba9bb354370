// Reads an event log to its end and says whether every call stands in it whole: propose, decide and receipt, each once, tied
// by their hashes, on chains without a break. Memory is for the calls that are open at a place of the log, not for all.
import { type ChainHead, EMPTY_CHAIN } from '../../events/chain.ts'
import { FORGOTTEN, type Verdict, verifyRecords } from '../../events/chain-verifier.ts'
import type { Event } from '../../events/event.ts'
import { FileLog } from '../../events/file-log.ts'
import type { StoredRecord } from '../../events/log.ts'
import { Trust, type TrustSettings } from '../../events/trust.ts'

/** The most problems that are described; all are counted. */
const MAX_SHOWN = 10

/** What a log came to. */
export interface CallAudit {
  readonly events: number
  /** Calls with all three events. */
  readonly complete: number
  /** Calls without a receipt at the end of the log. */
  readonly open: number
  readonly problemCount: number
  /** The first of them. */
  readonly problems: readonly string[]
}

/** Where the log is and who is believed. */
export interface AuditOptions {
  readonly root: string
  readonly log: string
  readonly trust: TrustSettings
}

/** Audits everything that stands on `events`. */
export async function auditCalls({ root, log, trust }: AuditOptions): Promise<CallAudit> {
  const audit = new Audit(log, new Trust(trust))
  const fileLog = new FileLog({ root })
  const subscription = await fileLog.subscribe('events', { from: 'beginning' }, (records) => audit.take(records))
  await subscription.caughtUp
  await subscription.stop()
  await fileLog.close()
  return audit.outcome
}

/** The state of one reading. */
class Audit {
  readonly #log: string
  readonly #trust: Trust
  readonly #heads = new Map<string, ChainHead>()
  /** The hash that the next event of a call must name: of its propose, then of its decide. */
  readonly #open = new Map<string, string>()
  readonly #problems: string[] = []
  #problemCount = 0
  #events = 0
  #complete = 0

  constructor(log: string, trust: Trust) {
    this.#log = log
    this.#trust = trust
  }

  get outcome(): CallAudit {
    return {
      events: this.#events,
      complete: this.#complete,
      open: this.#open.size,
      problemCount: this.#problemCount,
      problems: this.#problems,
    }
  }

  take(records: readonly StoredRecord[]): void {
    const { verdicts, heads } = verifyRecords(records, {
      log: this.#log,
      trust: this.#trust,
      headOf: (chain) => this.#heads.get(chain) ?? EMPTY_CHAIN,
      hashAt: () => FORGOTTEN,
    })
    for (const [chain, head] of heads) this.#heads.set(chain, head)
    for (const verdict of verdicts) this.#judge(verdict)
  }

  #judge(verdict: Verdict): void {
    this.#events++
    if (verdict.outcome !== 'accepted' || verdict.gap !== undefined || verdict.attachmentProblem !== undefined)
      return this.#report(`${verdict.outcome}: ${JSON.stringify('reason' in verdict ? verdict.reason : verdict.hash)}`)
    this.#follow(verdict.event, verdict.hash)
  }

  #follow(event: Event, hash: string): void {
    switch (event.type) {
      case 'authorization/propose':
        if (this.#open.has(event.call)) this.#report(`proposed twice: ${event.call}`)
        this.#open.set(event.call, hash)
        return
      case 'authorization/decide':
        this.#expect(event)
        if (event.decision !== 'allow') this.#report(`${event.decision}: ${event.call}`)
        this.#open.set(event.call, hash)
        return
      case 'authorization/receipt':
        this.#expect(event)
        if (event.status !== 'ok') this.#report(`${event.status}: ${event.call}`)
        // A second one finds nothing to belong to.
        if (this.#open.delete(event.call)) this.#complete++
        return
      default:
        return
    }
  }

  #expect({ call, parent, type }: { readonly call: string; readonly parent: string; readonly type: string }): void {
    if (this.#open.get(call) !== parent) this.#report(`${type} of ${call} does not follow what stands before it`)
  }

  #report(problem: string): void {
    this.#problemCount++
    if (this.#problems.length < MAX_SHOWN) this.#problems.push(problem)
  }
}
