// Notices and secrets that the suites of the delivery share.
import type { AlertNotice, RaisedNotice, UpdatedNotice } from '../../../detectors/delivery/alert-notice.ts'
import { tagsOf } from '../../../events/alert-tags.ts'

/** The secret of the published vector: https://github.com/standard-webhooks/standard-webhooks */
export const SECRET = 'whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw'

/** An alert, changed as told. */
export function raised(changes: Partial<RaisedNotice> = {}): RaisedNotice {
  return {
    type: 'alert.raised',
    id: 'a'.repeat(64),
    time: '2026-11-22T13:00:00.123456Z',
    log: 'test',
    alert: 'b'.repeat(64),
    group: 'c'.repeat(64),
    detector: 'read-spike',
    severity: 'high',
    score: 900,
    subject: 'reads of session s on server files',
    principal: 'agent:ci',
    session: 's',
    server: 'files',
    explanation: '27 different files read in 40 s; the usual most is 9.',
    causes: ['d'.repeat(64)],
    rule: 'e'.repeat(64),
    tags: tagsOf('read-spike'),
    ...changes,
  }
}

/** What an operator made of it. */
export function updated(state: UpdatedNotice['state']): AlertNotice {
  const { time, log, alert } = raised()
  return { type: 'alert.updated', id: 'f'.repeat(64), time, log, alert, state, by: 'user:ann', reason: 'a known job' }
}
