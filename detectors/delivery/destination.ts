// The port of a destination: somebody who is told of alerts. Adapters: webhook.ts, siem-file.ts.
import type { AlertNotice } from './alert-notice.ts'
import type { AlertSelection } from './settings.ts'

/** How an attempt ended. */
export type Attempt =
  | { readonly type: 'delivered' }
  /** Nothing secret is in `reason`. `retryAfterMs`: the destination's own wish. `isFinal`: it wants nothing more. */
  | { readonly type: 'failed'; readonly reason: string; readonly retryAfterMs?: number; readonly isFinal?: true }

/** Somebody who is told. */
export interface Destination {
  /** Part of file names, shown to people. */
  readonly name: string
  readonly selection: AlertSelection
  /** After so many failures a notice is a dead letter. */
  readonly attempts: number
  /** Tells it; resolves with how that ended, and never rejects for what the destination or the network does. */
  send(notice: AlertNotice, nowMs: number): Promise<Attempt>
}
