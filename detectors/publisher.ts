// Publishes issues the moment they are found: alert and rule in one commit, the rule then to control. What was not
// acknowledged stays in the outbox, which is part of the snapshot, so that a restart neither forgets nor repeats it.
import type { ChainWriter } from '../events/chain-writer.ts'
import type { ControlWriter } from '../events/control-writer.ts'
import { ToolwardenError } from '../events/errors.ts'
import type { Rule } from '../events/rule.ts'
import { type Clock, derivedId, parseTime } from '../events/time.ts'
import type { AlertDraft, Issue } from './adapt.ts'

/** What a publisher writes with. */
export interface PublisherOptions {
  readonly clock: Clock
  readonly chainWriter: ChainWriter
  readonly control: ControlWriter
  /** Told when an issue is durable, and when one never will be by this run. */
  readonly onPublished: (issue: Issue) => void
  readonly onFailed: (error: unknown) => void
}

/** Writes alerts and rules of one run. */
export class Publisher {
  readonly #options: PublisherOptions
  readonly #underWay = new Set<Promise<void>>()

  constructor(options: PublisherOptions) {
    this.#options = options
  }

  /** Begins to publish; the outcome is told through the callbacks. */
  publish(issue: Issue): void {
    const { onPublished, onFailed } = this.#options
    const work: Promise<void> = this.#write(issue)
      .then(
        () => onPublished(issue),
        (error: unknown) => {
          // The run is ending: the issue stays in the outbox for the next one.
          if (!(error instanceof ToolwardenError) || error.code !== 'CHAIN_CLOSED') onFailed(error)
        },
      )
      .finally(() => this.#underWay.delete(work))
    this.#underWay.add(work)
  }

  /** Resolves when one of the issues under way is settled, or none is under way. */
  async settleOne(): Promise<void> {
    await Promise.race(this.#underWay)
  }

  /** Resolves when all issues under way are settled, or after the deadline. */
  async settleAll(deadlineMs: number): Promise<void> {
    let timer: NodeJS.Timeout | undefined
    const deadline = new Promise<void>((resolve) => {
      timer = setTimeout(resolve, deadlineMs)
    })
    await Promise.race([Promise.all(this.#underWay), deadline])
    clearTimeout(timer)
  }

  async #write({ alert, rule }: Issue): Promise<void> {
    const { clock, chainWriter, control } = this.#options
    // A rule that was found late and has expired by now would only be refused.
    if (rule !== undefined && parseTime(rule.expiresAt) > clock.nowMicros()) {
      const before = alert === undefined ? [] : [{ draft: alert }]
      await control.publish((revision) => ({ type: 'rule/added', id: ruleEventId(rule), revision, rule }), before)
    } else if (alert !== undefined) {
      await chainWriter.append([{ draft: rule === undefined ? alert : withoutRule(alert) }], { patient: true })
    }
  }
}

function withoutRule({ rule: _, ...alert }: AlertDraft): AlertDraft {
  return alert
}

/** A quiet rule is issued again under its id, each time with a newer cause. */
function ruleEventId({ id, cause }: Rule): string {
  return cause.alert === undefined ? derivedId('rule/added', id, ...cause.events) : derivedId('rule/added', id)
}
