// Foreign errors of kafkajs turned into ToolwardenErrors that say which broker, what is wrong and what to do.
// They are told apart by the names and codes that kafkajs documents; nothing of a password is ever copied.

import { ToolwardenError } from './errors.ts'
import type { KafkaSettings } from './kafka-log-settings.ts'

// Answers of a broker that refused a produce request before it wrote anything.
const REFUSED_UNWRITTEN: ReadonlySet<string> = new Set([
  'CORRUPT_MESSAGE',
  'INVALID_RECORD',
  'INVALID_TIMESTAMP',
  'INVALID_TOPIC_EXCEPTION',
  'INVALID_REQUIRED_ACKS',
  'NOT_ENOUGH_REPLICAS',
  'TOPIC_AUTHORIZATION_FAILED',
  'CLUSTER_AUTHORIZATION_FAILED',
  'UNSUPPORTED_FOR_MESSAGE_FORMAT',
  'POLICY_VIOLATION',
])
const TOO_LARGE: ReadonlySet<string> = new Set(['MESSAGE_TOO_LARGE', 'RECORD_LIST_TOO_LARGE'])
// What kafkajs throws before it hands a produce request to a socket.
const THROWN_UNSENT: ReadonlySet<string> = new Set([
  'KafkaJSMetadataNotLoaded',
  'KafkaJSTopicMetadataNotLoaded',
  'KafkaJSBrokerNotFound',
  'KafkaJSSASLAuthenticationError',
])
const DENIED: ReadonlySet<string> = new Set([
  'TOPIC_AUTHORIZATION_FAILED',
  'GROUP_AUTHORIZATION_FAILED',
  'CLUSTER_AUTHORIZATION_FAILED',
])
const SETTLING: ReadonlySet<string> = new Set(['LEADER_NOT_AVAILABLE', 'NOT_LEADER_FOR_PARTITION'])
const UNKNOWN_TOPIC: ReadonlySet<string> = new Set(['UNKNOWN_TOPIC_OR_PARTITION'])
const NETWORK: Readonly<Record<string, string>> = {
  ECONNREFUSED: 'the connection was refused',
  ECONNRESET: 'the connection was reset',
  ENOTFOUND: 'the host name is not known',
  EAI_AGAIN: 'the host name could not be looked up',
  EHOSTUNREACH: 'there is no route to the host',
  ENETUNREACH: 'there is no route to the network',
  ETIMEDOUT: 'the connection timed out',
}

/** The error and its causes, outermost first. */
function* causesOf(error: unknown): Generator<Error & { code?: unknown; type?: unknown }> {
  let current = error
  for (let depth = 0; depth < 8 && current instanceof Error; depth += 1) {
    yield current
    current = current.cause
  }
}

function findType(error: unknown, types: ReadonlySet<string>): string | undefined {
  for (const cause of causesOf(error)) {
    if (typeof cause.type === 'string' && types.has(cause.type)) return cause.type
    if (types.has(cause.name)) return cause.name
  }
  return undefined
}

/** What went wrong on the way to the brokers; `doing` says what was tried. */
export function describeUnavailable(settings: KafkaSettings, doing: string, cause: unknown): ToolwardenError {
  if (cause instanceof ToolwardenError) return cause
  const at = settings.brokers.join(', ')
  const where = `Kafka at ${at}`
  if (findType(cause, new Set(['KafkaJSSASLAuthenticationError'])) !== undefined) {
    const mechanism = settings.sasl?.mechanism ?? 'SASL'
    const message = `${doing}: ${where} refused the user name or password (${mechanism})`
    return unavailable(message, { where, fix: 'check kafka.sasl: mechanism, username and password', cause }, false)
  }
  const certificate = findCertificateProblem(cause)
  if (certificate !== undefined) {
    const message = `${doing}: the TLS certificate of ${where} is not trusted: ${certificate}`
    const fix = "set kafka.ssl.ca to the PEM file of the authority that signed the brokers' certificates"
    return unavailable(message, { where, fix, cause }, false)
  }
  const denied = findType(cause, DENIED)
  if (denied !== undefined) {
    const fix = 'let this user read, write, create and describe topics and groups (kafka-acls.sh)'
    return unavailable(`${doing}: ${where} does not allow it (${denied})`, { where, fix, cause }, false)
  }
  return unavailable(`${doing}: ${where} is not reachable: ${describeNetwork(cause)}`, {
    where,
    fix: `start the broker, or mend the addresses (kafka.brokers or KAFKA_BROKERS)${securityHint(settings)}`,
    cause,
  })
}

function unavailable(message: string, details: { where: string; fix: string; cause: unknown }, retriable = true) {
  return new ToolwardenError('LOG_UNAVAILABLE', message, { ...details, retriable })
}

// A broker closes the connection without a word when it is spoken to in the wrong way.
function securityHint(settings: KafkaSettings): string {
  return settings.ssl === false ? '; a listener with TLS also needs kafka.ssl' : '; kafka.ssl needs a listener with TLS'
}

function findCertificateProblem(error: unknown): string | undefined {
  for (const { code, message } of causesOf(error)) {
    const named = typeof code === 'string' && /CERT|UNABLE_TO_/.test(code)
    if (named || /certificate|altnames/i.test(message)) return message
  }
  return undefined
}

function describeNetwork(error: unknown): string {
  let last = 'unknown'
  for (const { code, message } of causesOf(error)) {
    if (typeof code === 'string' && NETWORK[code] !== undefined) return NETWORK[code]
    if (message !== '') last = message
  }
  return last
}

/** True for refusals that no reconnect mends: a wrong password, an untrusted certificate, a missing permission. */
export function isHopeless(error: unknown): boolean {
  if (error instanceof ToolwardenError) return !error.retriable
  if (findType(error, new Set(['KafkaJSSASLAuthenticationError'])) !== undefined) return true
  return findType(error, DENIED) !== undefined || findCertificateProblem(error) !== undefined
}

/** True while a partition that was just made, or whose broker went away, has no leader that knows it. */
export function isSettling(error: unknown): boolean {
  return findType(error, SETTLING) !== undefined
}

/** True while a broker does not know a topic that another one just made. */
export function isUnknownTopic(error: unknown): boolean {
  return findType(error, UNKNOWN_TOPIC) !== undefined
}

/** What became of a produce request that failed; `connectionLost` says whether an open connection went away meanwhile. */
export interface FailedProduce {
  readonly settings: KafkaSettings
  readonly where: string
  readonly connectionLost: boolean
  readonly cause: unknown
}

/**
 * LOG_UNAVAILABLE and RECORD_TOO_LARGE only when it is sure that nothing was written, else LOG_IN_DOUBT. A broker's
 * KAFKA_STORAGE_ERROR is in doubt too: a batch may be whole on the disk that failed.
 */
export function describeFailedProduce({ settings, where, connectionLost, cause }: FailedProduce): ToolwardenError {
  const refused = findType(cause, REFUSED_UNWRITTEN)
  if (findType(cause, TOO_LARGE) !== undefined) {
    return new ToolwardenError('RECORD_TOO_LARGE', 'the broker refuses an append of this size', {
      where,
      fix: 'raise max.message.bytes of the topic, or record less (record.maxBytes)',
      cause,
    })
  }
  const unsent = findType(cause, THROWN_UNSENT) !== undefined || findRefusedConnection(cause)
  if (refused !== undefined || (unsent && !connectionLost)) return describeUnavailable(settings, 'append', cause)
  return inDoubt(where, connectionLost ? 'the connection was lost before the answer' : describeNetwork(cause), cause)
}

function findRefusedConnection(error: unknown): boolean {
  for (const { code } of causesOf(error)) if (code === 'ECONNREFUSED' || code === 'ENOTFOUND') return true
  return false
}

/** The append was sent and its outcome is unknown. */
export function inDoubt(where: string, why: string, cause?: unknown): ToolwardenError {
  return new ToolwardenError('LOG_IN_DOUBT', `nobody knows whether the append was written: ${why}`, {
    where,
    fix: 'the same bytes are sent again until they are acknowledged; look after the brokers',
    cause,
    retriable: true,
  })
}
