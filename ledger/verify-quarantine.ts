// Quarantine: every `ledger/quarantined` event has its bytes, every quarantined row too, and they are the ones that came.
import { MAX_QUARANTINED_BYTES } from './batch-rows.ts'
import type { IntactEvent } from './chain-walk.ts'
import { EVIDENCE_PART, MAX_EVIDENCE_BYTES } from './repair/evidence.ts'
import type { LedgerStore } from './store.ts'
import { positionText } from './stored-event.ts'
import { type Findings, MAX_LISTED } from './verify-report.ts'

const EVENTS_A_QUERY = 200

/** Checks the `ledger/quarantined` statements among events. Throws STORE_*. */
export async function verifyQuarantined(
  store: LedgerStore,
  events: readonly IntactEvent[],
  findings: Findings,
): Promise<void> {
  const said = events.flatMap(({ event, row, chain }) =>
    event.type === 'ledger/quarantined' ? [{ event, row, chain }] : [],
  )
  for (let from = 0; from < said.length; from += EVENTS_A_QUERY) {
    const some = said.slice(from, from + EVENTS_A_QUERY)
    const rows = await store.select<{ partition: string; offset: number; digest: string }>(
      `SELECT partition, offset, digest FROM quarantine
       WHERE topic = 'events' AND partition IN {partitions:Array(String)} AND offset IN {offsets:Array(UInt64)}`,
      {
        partitions: [...new Set(some.map(({ event }) => event.partition))],
        offsets: [...new Set(some.map(({ event }) => event.offset))],
      },
      'verify',
    )
    const stored = new Set(rows.map(({ partition, offset, digest }) => `${partition} ${offset} ${digest}`))
    for (const { event, row, chain } of some) {
      const { partition, offset, digest } = event
      if (stored.has(`${partition} ${offset} ${digest}`)) continue
      const position = positionText({ topic: 'events', partition, offset })
      const text = 'the ledger quarantined a message here and said so; its bytes are not there'
      const { sequence, hash } = row
      findings.violation({ code: 'quarantine-missing', chain, sequence, hash, position, text })
    }
  }
}

/** Checks the quarantined rows and their bytes. Throws STORE_*. */
export async function verifyQuarantineRows(store: LedgerStore, upToMicros: number, findings: Findings): Promise<void> {
  const [counted] = await store.select<{ rows: number }>(
    `SELECT uniqExact(topic, partition, offset) AS rows FROM events
     WHERE outcome = 'quarantined' AND ingested_at <= fromUnixTimestamp64Micro({upTo:Int64})`,
    { upTo: upToMicros },
    'verify',
  )
  findings.counts.quarantined += counted?.rows ?? 0
  const missing = await store.select<{ partition: string; offset: number; hash: string }>(
    `SELECT DISTINCT partition, offset, hash FROM events
     WHERE outcome = 'quarantined' AND ingested_at <= fromUnixTimestamp64Micro({upTo:Int64})
       AND (partition, offset, hash) NOT IN (SELECT partition, offset, digest FROM quarantine WHERE part = 'message')
     ORDER BY partition, offset LIMIT ${MAX_LISTED}`,
    { upTo: upToMicros },
    'verify',
  )
  const altered = await store.select<{ partition: string; offset: number; hash: string }>(
    `SELECT partition, offset, digest AS hash FROM quarantine
     WHERE bytes <= if(startsWith(part, '${EVIDENCE_PART}'), ${MAX_EVIDENCE_BYTES}, ${MAX_QUARANTINED_BYTES}) AND lower(hex(SHA256(tryBase64Decode(raw)))) != digest
     ORDER BY partition, offset LIMIT ${MAX_LISTED}`,
    {},
    'verify',
  )
  for (const { partition, offset, hash } of missing)
    findings.violation({
      code: 'quarantine-missing',
      chain: '',
      hash,
      position: positionText({ topic: 'events', partition, offset }),
      text: 'the bytes of a quarantined message are not there',
    })
  for (const { partition, offset, hash } of altered)
    findings.violation({
      code: 'quarantine-altered',
      chain: '',
      hash,
      position: positionText({ topic: 'events', partition, offset }),
      text: 'the kept bytes of a quarantined message are not those that came',
    })
}
