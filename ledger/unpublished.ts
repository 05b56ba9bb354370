// The own events of earlier runs that were stored and never came back from the log: the crash between insert and publish.
// What is published twice is harmless, a duplicate; what would be lost is an alarm.
import type { LogRecord } from '../events/log.ts'
import type { LedgerStore } from './store.ts'

/** The most events of one run that are fetched at once. */
const PAGE_EVENTS = 500

interface OwnRow {
  readonly sequence: number
  readonly hash: string
  readonly signature: string
  readonly body: string
}

/** The appends to publish again, oldest run first, each as the bytes that were signed. Throws STORE_*. */
export async function* findUnpublished(
  store: LedgerStore,
  writer: string,
  exceptChain: string,
): AsyncGenerator<readonly LogRecord[]> {
  const runs = await store.select<{ instance: string; seen: number }>(
    `SELECT instance, maxIf(sequence, topic = 'events') AS seen FROM events WHERE writer = {writer:String}
     GROUP BY instance HAVING maxIf(sequence, topic = 'own') > seen ORDER BY instance`,
    { writer },
  )
  for (const { instance, seen } of runs) {
    const chain = `${writer}/${instance}`
    if (chain !== exceptChain) yield* appendsOf(store, { writer, instance, seen })
  }
}

async function* appendsOf(
  store: LedgerStore,
  run: { readonly writer: string; readonly instance: string; readonly seen: number },
): AsyncGenerator<readonly LogRecord[]> {
  const { writer, instance } = run
  let after = run.seen
  let append: LogRecord[] = []
  for (;;) {
    const rows = await store.select<OwnRow>(
      `SELECT sequence, hash, signature, body FROM events
       WHERE writer = {writer:String} AND instance = {instance:String} AND topic = 'own' AND sequence > {after:UInt64}
       ORDER BY sequence LIMIT 1 BY sequence LIMIT ${PAGE_EVENTS}`,
      { writer, instance, after },
    )
    for (const { hash, signature, body, sequence } of rows) {
      const headers = { hash: Buffer.from(hash, 'hex') }
      const signed = signature === '' ? headers : { ...headers, signature: Buffer.from(signature, 'hex') }
      append.push({ key: `${writer}/${instance}`, value: Buffer.from(body), headers: signed })
      after = sequence
      // The signature stands on the last event of an append.
      if (signature !== '') {
        yield append
        append = []
      }
    }
    if (rows.length < PAGE_EVENTS) return
  }
}
