// Which long-lived keys were revoked, and from which moment of the ledger's own time: by events of this ledger that an
// enrolment key proves. What was stored before that moment stays valid; what comes later under the key is not honoured.
import { ToolwardenError } from '../events/errors.ts'
import { parseEvent } from '../events/event.ts'
import type { Trust } from '../events/trust.ts'
import type { LedgerStore } from './store.ts'
import { positionText } from './stored-event.ts'
import type { Findings } from './verify-report.ts'

/** By public key (base64url): when the ledger stored its revocation, microseconds since 1970. */
export type Revocations = ReadonlyMap<string, number>

/** A run that a revoked key vouches for. */
export interface RevokedRun {
  readonly writer: string
  readonly instance: string
  readonly key: string
}

/** What the store knows of revoked keys; what no enrolment key proves does not count. Throws STORE_*. */
export async function findRevocations(store: LedgerStore, log: string, trust: Trust): Promise<Revocations> {
  const rows = await store.select<{ body: string; micros: number }>(
    `SELECT body, toUnixTimestamp64Micro(ingested_at) AS micros FROM events
     WHERE type = 'key/revoked' AND outcome IN ('accepted', 'late') ORDER BY ingested_at`,
  )
  const revocations = new Map<string, number>()
  for (const { body, micros } of rows) {
    const key = findRevoked(Buffer.from(body, 'utf8'), log, trust)
    if (key !== undefined && !revocations.has(key)) revocations.set(key, micros)
  }
  return revocations
}

/** Every event that was stored after the key of its run was revoked is a violation: the first of each run is told. */
export async function verifyRevoked(
  store: LedgerStore,
  runs: readonly RevokedRun[],
  { revocations, findings }: { readonly revocations: Revocations; readonly findings: Findings },
): Promise<void> {
  for (const { writer, instance, key } of runs) {
    const rows = await store.select<LateRow>(
      LATE_SQL,
      { writer, instance, micros: revocations.get(key) ?? 0 },
      'verify',
    )
    for (const { sequence, hash, count, ...place } of rows)
      findings.violation({
        code: 'key-revoked',
        chain: `${writer}/${instance}`,
        sequence,
        hash,
        position: positionText(place),
        text: `${count} events from this one on were stored after the key of their run was revoked`,
      })
  }
}

interface LateRow {
  readonly topic: 'events' | 'own'
  readonly partition: string
  readonly offset: number
  readonly sequence: number
  readonly hash: string
  readonly count: number
}

const LATE_SQL = `SELECT topic, partition, offset, sequence, hash, count() OVER () AS count FROM events
WHERE writer = {writer:String} AND instance = {instance:String} AND outcome IN ('accepted', 'late')
  AND ingested_at > fromUnixTimestamp64Micro({micros:Int64})
ORDER BY sequence LIMIT 1`

/** A body that was changed is a finding of its own, and revokes nothing. */
function findRevoked(body: Buffer, log: string, trust: Trust): string | undefined {
  try {
    const event = parseEvent(body)
    return event.type === 'key/revoked' && event.log === log && trust.provesRevocation(event)
      ? event.publicKey
      : undefined
  } catch (error) {
    if (error instanceof ToolwardenError) return undefined
    throw error
  }
}
