// What a destination is told: an alert that was raised, or what an operator made of it. Made of the event alone, so that it
// is the same after a restart; its id is the event's hash, by which a receiver knows what it was told twice. Pure.
import { type AlertTag, alertGroupOf, tagsOf } from '../../events/alert-tags.ts'
import type { Event } from '../../events/event.ts'
import type { Severity } from '../detector.ts'
import type { AlertSelection } from './settings.ts'

/** An alert in the words of its event. */
export interface RaisedNotice {
  readonly type: 'alert.raised'
  readonly id: string
  readonly time: string
  readonly log: string
  readonly alert: string
  readonly group: string
  readonly detector: string
  readonly severity: Severity
  /** Thousandths. */
  readonly score: number
  readonly subject: string
  readonly principal?: string
  readonly session?: string
  readonly server?: string
  readonly tool?: string
  readonly explanation: string
  readonly causes: readonly string[]
  readonly rule?: string
  readonly tags: readonly AlertTag[]
}

/** What an operator made of an alert. */
export interface UpdatedNotice {
  readonly type: 'alert.updated'
  readonly id: string
  readonly time: string
  readonly log: string
  readonly alert: string
  readonly state: 'acknowledged' | 'closed'
  readonly by: string
  readonly reason: string
}

/** One thing to tell. */
export type AlertNotice = RaisedNotice | UpdatedNotice

const SEVERITIES: readonly Severity[] = ['low', 'medium', 'high', 'critical']

/** The notice of an event; undefined where it is about no alert. */
export function toNotice(event: Event, hash: string): AlertNotice | undefined {
  const { time, log } = event
  if (event.type === 'alert/updated') {
    const { alert, state, by, reason } = event
    return { type: 'alert.updated', id: hash, time, log, alert, state, by, reason }
  }
  if (event.type !== 'alert/raised') return undefined
  const { alert, detector, severity, score, subject, explanation, causes } = event
  const { principal, session, server, tool, rule } = event
  return {
    ...{ type: 'alert.raised', id: hash, time, log, alert, group: alertGroupOf(event) },
    ...{ detector, severity, score, subject },
    ...(principal === undefined ? {} : { principal }),
    ...(session === undefined ? {} : { session }),
    ...(server === undefined ? {} : { server }),
    ...(tool === undefined ? {} : { tool }),
    ...{ explanation, causes },
    ...(rule === undefined ? {} : { rule }),
    tags: tagsOf(detector),
  }
}

/** Whether a destination wants to be told. Of an update neither severity nor detector is known. */
export function isSelected(notice: AlertNotice, { minSeverity, detectors, updates }: AlertSelection): boolean {
  if (notice.type === 'alert.updated') return updates
  if (SEVERITIES.indexOf(notice.severity) < SEVERITIES.indexOf(minSeverity)) return false
  return detectors === undefined || detectors.includes(notice.detector)
}

/** An alert that nobody raised, to try a destination with. */
export function testNotice(log: string, time: string, id: string): RaisedNotice {
  const subject = 'a test of the delivery'
  return {
    ...{ type: 'alert.raised', id, time, log, alert: id, group: alertGroupOf({ detector: 'test', subject }) },
    ...{ detector: 'test', severity: 'low', score: 0, subject },
    explanation: 'This is a test: no alert was raised.',
    causes: [],
    tags: [],
  }
}
