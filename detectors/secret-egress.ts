// D4: a secret on its way out. A result held what looks like a secret (its keyed HMAC, never the value); from then on no
// egress of the session may carry it, and one that was allowed raises a high alert. Own domains are the gateway's word.
import type { EventOf } from '../events/event.ts'
import { predicateHolds } from '../events/rule.ts'
import { type BoundedMap, emptyMap, findValue, putValue } from './bounded-map.ts'
import { addDistinct, sessionKeyOf } from './call-book.ts'
import type { Detector, Finding, Observation, ObservedEvent } from './detector.ts'
import type { DetectorSettings } from './settings.ts'

const MAX_SESSIONS = 10_000
const MAX_SECRETS = 100
const MAX_CAUSES = 50
const HOUR_MS = 60 * 60 * 1000

interface SessionSecrets {
  readonly secrets: readonly string[]
  readonly causes: readonly string[]
}

/** What the detector remembers: the secrets that results of a session held. */
export interface SecretEgressState {
  readonly sessions: BoundedMap<SessionSecrets>
}

type Settings = DetectorSettings['secretEgress']

/** The detector of secrets that leave. */
export function createSecretEgress(settings: Settings): Detector<SecretEgressState> {
  return {
    name: 'secret-egress',
    version: 1,
    initialState: { sessions: emptyMap() },
    observe: (state, observed, nowMs) => {
      const { event } = observed
      if (event.type === 'authorization/receipt') return settle(state, event, observed, { nowMs, settings })
      if (event.type === 'authorization/propose') return { state, findings: propose(state, event, observed) }
      return { state, findings: [] }
    },
  }
}

function settle(
  state: SecretEgressState,
  event: EventOf<'authorization/receipt'>,
  { hash, signals }: ObservedEvent,
  { nowMs, settings }: { readonly nowMs: number; readonly settings: Settings },
): Observation<SecretEgressState> {
  const key = sessionKeyOf(event)
  const before = findValue(state.sessions, key) ?? { secrets: [], causes: [] }
  const secrets = addDistinct(before.secrets, signals?.secrets ?? [], MAX_SECRETS)
  if (secrets === before.secrets) return { state, findings: [] }
  const session = { secrets, causes: [...before.causes, hash].slice(-MAX_CAUSES) }
  const keeping = { nowMs, limit: MAX_SESSIONS, keepUntilMs: nowMs + HOUR_MS }
  return {
    state: { sessions: putValue(state.sessions, key, session, keeping) },
    findings: [findArmed(event, session, settings)],
  }
}

function findArmed(
  { principal, session, server, tool }: EventOf<'authorization/receipt'>,
  { secrets, causes }: SessionSecrets,
  settings: Settings,
): Finding {
  return {
    severity: 'low',
    score: 300,
    subject: `secrets from results in session ${session}`,
    scope: { session, principal, server, tool },
    explanation: `Results of this session, the last of ${tool} on server ${server}, held ${secrets.length} value(s) that look like secrets; sending one of them out is denied.`,
    causes,
    isQuiet: true,
    response: {
      scope: { session, principal },
      tool: '*',
      toolClass: 'egress',
      arguments: {
        type: 'all',
        predicates: [{ type: 'copied', anyOf: secrets, except: [] }, { type: 'outside' }],
      },
      action: 'deny',
      lifetimeMs: settings.ruleMinutes * 60 * 1000,
      reason: 'the arguments hold a secret that a result of this session held',
    },
  }
}

function propose(
  state: SecretEgressState,
  event: EventOf<'authorization/propose'>,
  { hash, signals }: ObservedEvent,
): readonly Finding[] {
  const session = findValue(state.sessions, sessionKeyOf(event))
  if (session === undefined || signals?.toolClass !== 'egress' || !predicateHolds({ type: 'outside' }, signals))
    return []
  const sent = [...signals.secrets, ...signals.fields.flatMap(({ values }) => values)]
  const known = new Set(session.secrets)
  const found = new Set(sent.filter((value) => known.has(value)))
  if (found.size === 0) return []
  const { principal, server, tool } = event
  return [
    {
      severity: 'high',
      score: 900,
      subject: `secrets sent by session ${event.session}`,
      scope: { session: event.session, principal, server, tool },
      explanation: `${tool} on server ${server} was called with ${found.size} value(s) that look like secrets and that a result of this session held.`,
      causes: [...session.causes, hash],
    },
  ]
}
