// Shows what the API's stream says while the demo plays: decisions, alerts and rules, as they happen.
import type { Event } from '../events/event.ts'
import type { DemoScreen } from './demo-screen.ts'
import { followStream } from './event-stream.ts'

const TYPES = 'authorization/decide,authorization/receipt,alert/raised,rule/added'

/** Follows the stream and counts. */
export class DemoWatch {
  readonly #screen: DemoScreen
  readonly #abort = new AbortController()
  readonly #following: Promise<void>
  readonly #alerts: string[] = []
  /** Rules that were added. */
  rules = 0
  /** Calls that were decided. */
  decided = 0

  constructor(options: { readonly url: string; readonly token: string; readonly screen: DemoScreen }) {
    this.#screen = options.screen
    this.#following = this.#follow(options.url, options.token)
  }

  /** Alerts of a detector so far. */
  alertsOf(detector: string): number {
    return this.#alerts.filter((each) => each === detector).length
  }

  /** Ends the stream. */
  async stop(): Promise<void> {
    this.#abort.abort()
    await this.#following
  }

  async #follow(url: string, token: string): Promise<void> {
    try {
      for await (const { event } of followStream(url, { token, types: TYPES, signal: this.#abort.signal }))
        this.#show(event)
    } catch (error) {
      if (!this.#abort.signal.aborted) throw error
    }
  }

  #show(event: Event): void {
    switch (event.type) {
      case 'authorization/decide':
        this.decided++
        return this.#screen.line(
          event.decision,
          `${event.tool} by ${event.rule ?? event.reason}: ${event.text}`,
          event.decision === 'allow' ? 'good' : 'bad',
        )
      case 'alert/raised':
        this.#alerts.push(event.detector)
        return this.#screen.line('ALERT', `${event.severity}, ${event.detector}: ${event.explanation}`, 'warn')
      case 'rule/added':
        // Rules that lie in wait for something that has not happened come without an alert.
        if (event.rule.cause.alert === undefined) return undefined
        this.rules++
        return this.#screen.line(
          'RULE',
          `${event.rule.action} ${event.rule.toolClass ?? event.rule.tool} until ${event.rule.expiresAt}: ${event.rule.reason}`,
          'warn',
        )
      default:
        return undefined
    }
  }
}
