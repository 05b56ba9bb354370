// An alert as a Detection Finding (class 2004) of the Open Cybersecurity Schema Framework 1.4.0, https://schema.ocsf.io. Pure.
import type { AlertNotice, RaisedNotice } from './alert-notice.ts'

const CLASS_UID = 2004
const SEVERITY_IDS = { low: 2, medium: 3, high: 4, critical: 5 } as const
const ATTACK_VERSION = '17.0'

/** The product as OCSF wants it named. */
export interface OcsfProduct {
  readonly name: string
  readonly version: string
}

/** The finding: created with an alert, updated and closed by operators; `finding_info.uid` is the alert's id throughout. */
export function toOcsf(notice: AlertNotice, product: OcsfProduct): object {
  const activityId = notice.type === 'alert.raised' ? 1 : notice.state === 'acknowledged' ? 2 : 3
  const common = {
    activity_id: activityId,
    activity_name: ACTIVITIES[activityId],
    category_uid: 2,
    category_name: 'Findings',
    class_uid: CLASS_UID,
    class_name: 'Detection Finding',
    type_uid: CLASS_UID * 100 + activityId,
    time: Date.parse(notice.time),
    metadata: {
      version: '1.4.0',
      // What gives a finding its `actor`.
      ...(notice.type === 'alert.raised' && notice.principal === undefined ? {} : { profiles: ['host'] }),
      uid: notice.id,
      log_name: notice.log,
      product: { name: product.name, vendor_name: product.name, version: product.version },
    },
  }
  if (notice.type === 'alert.raised') return { ...common, ...raisedFields(notice) }
  const isClosed = notice.state === 'closed'
  return {
    ...common,
    severity_id: 0,
    severity: 'Unknown',
    status_id: isClosed ? 4 : 2,
    status: isClosed ? 'Resolved' : 'In Progress',
    message: `${notice.state} by ${notice.by}`,
    comment: notice.reason,
    finding_info: { uid: notice.alert, title: `Alert ${notice.state}`, modified_time: Date.parse(notice.time) },
    actor: { user: { name: notice.by } },
  }
}

const ACTIVITIES = { 1: 'Create', 2: 'Update', 3: 'Close' } as const

function raisedFields(notice: RaisedNotice): object {
  const { severity, detector, subject, explanation, causes, score, rule, group } = notice
  const timeMs = Date.parse(notice.time)
  return {
    severity_id: SEVERITY_IDS[severity],
    severity: `${severity.charAt(0).toUpperCase()}${severity.slice(1)}`,
    status_id: 1,
    status: 'New',
    message: explanation,
    confidence_score: Math.min(100, Math.round(score / 10)),
    is_alert: true,
    finding_info: {
      uid: notice.alert,
      title: `${detector}: ${subject}`,
      desc: explanation,
      created_time: timeMs,
      first_seen_time: timeMs,
      types: notice.tags.filter(({ scheme }) => scheme === 'owasp-agentic').map(({ id, name }) => `${id} ${name}`),
      analytic: { uid: detector, name: detector, type_id: 1, type: 'Rule' },
      attacks: attacksOf(notice),
      related_events: causes.map((uid) => ({ uid })),
    },
    resources: resourcesOf(notice),
    ...(notice.principal === undefined ? {} : { actor: { user: { name: notice.principal } } }),
    unmapped: { group, session: notice.session, rule },
  }
}

function attacksOf({ tags }: RaisedNotice): readonly object[] {
  return tags
    .filter(({ scheme }) => scheme === 'mitre-attack')
    .map(({ id: uid, name }) => ({
      version: ATTACK_VERSION,
      [uid.startsWith('TA') ? 'tactic' : 'technique']: { uid, name },
    }))
}

function resourcesOf({ server, tool }: RaisedNotice): readonly object[] {
  return [
    ...(server === undefined ? [] : [{ type: 'MCP server', name: server }]),
    ...(tool === undefined ? [] : [{ type: 'MCP tool', name: tool }]),
  ]
}
