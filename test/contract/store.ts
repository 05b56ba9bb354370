// The contract of the store port: what ingest and verification rely on. Runs on chDB, and over HTTP.
import assert from 'node:assert/strict'
import { after, before, describe, it } from 'node:test'
import { NO_COLUMNS } from '../../ledger/event-columns.ts'
import type { EventRow, LedgerStore, PayloadRow, QuarantineRow, StoreBatch } from '../../ledger/store.ts'

/** How one adapter is opened; each call gives an empty store. */
export interface StoreContract {
  readonly name: string
  open(): Promise<LedgerStore>
}

const WRITER = 'gateway/files'
const INSTANCE = '01a20357-9080-7668-9f3b-62d57bfc4935'
const CHAIN = `${WRITER}/${INSTANCE}`
const MICROS = Date.UTC(2026, 10, 22, 13) * 1000 + 123_456

/** A row with a recognisable hash. */
export function storeRow(sequence: number, more: Partial<EventRow> = {}): EventRow {
  return {
    ...NO_COLUMNS,
    topic: 'events',
    partition: CHAIN,
    offset: sequence - 1,
    log_time: 1,
    outcome: 'accepted',
    reason: '',
    after_gap: 0,
    hash: hashOf(sequence),
    signature: '',
    attachments: '',
    body: `{"sequence":${sequence}}`,
    writer: WRITER,
    instance: INSTANCE,
    sequence,
    ...more,
  }
}

/** A batch of rows. */
export function storeBatch(events: readonly EventRow[], more: Partial<StoreBatch> = {}): StoreBatch {
  return { ingestedAtMicros: MICROS, events, payloads: [], quarantined: [], ...more }
}

/** Runs the suite. */
export function describeStore({ name, open }: StoreContract): void {
  describe(`store contract: ${name}`, () => {
    let store: LedgerStore
    before(async () => {
      store = await open()
      await store.insert(storeBatch([1, 2, 3].map((sequence) => storeRow(sequence))))
    })
    after(() => store.close())

    it('keeps every byte of a row, when values hold what SQL, JSON and TSV treat as special', async () => {
      const text = `'"\\ \t\n\r {x:String} ?;-- é 漢 😀 \u2028 \u007f`
      const row = storeRow(1, {
        partition: `special/${text}`,
        body: text,
        reason: text,
        principal: text,
        instance: 'x',
      })
      await store.insert(storeBatch([row]))
      const columns = Object.keys(row).join(', ')
      const [found] = await store.select(`SELECT ${columns} FROM events WHERE principal = {text:String}`, { text })
      assert.deepEqual(found, row)
    })

    it('finds the watermark of a partition, and nothing where nothing is stored', async () => {
      assert.equal(await store.findWatermark('events', CHAIN), 2)
      assert.equal(await store.findWatermark('own', CHAIN), undefined)
      assert.equal(await store.findWatermark('events', 'no such partition'), undefined)
    })

    it('keeps the index of leaves, also when it is told twice', async () => {
      const leaves = [0, 1, 2].map((position) => ({ position, hash: hashOf(position) }))
      await store.insertLeaves(leaves)
      await store.insertLeaves(leaves.slice(1))
      await store.insertLeaves([])
      assert.deepEqual(await store.select('SELECT DISTINCT position, hash FROM leaves ORDER BY position'), leaves)
    })

    it('tells whether a row stands at a position', async () => {
      assert.equal(await store.isStored({ topic: 'events', partition: CHAIN, offset: 2 }), true)
      assert.equal(await store.isStored({ topic: 'events', partition: CHAIN, offset: 3 }), false)
    })

    it('finds heads of many chains at once, and leaves out those without an accepted event', async () => {
      const others = Array.from({ length: 120 }, (_, index) => `gateway/many/${index}`)
      const rows = others.map((chain, index) =>
        storeRow(index + 1, { writer: 'gateway/many', instance: String(index), partition: chain }),
      )
      const forked = storeRow(9, { writer: 'gateway/many', instance: 'forked', outcome: 'fork' })
      await store.insert(storeBatch([...rows, forked]))
      const chains = [CHAIN, 'gateway/many/forked', 'not a chain', ...others]
      const heads = await store.findHeads(new Map(chains.map((chain) => [chain, 1])))
      assert.deepEqual(heads.get(CHAIN), { sequence: 3, hash: hashOf(3) })
      assert.deepEqual(heads.get('gateway/many/119'), { sequence: 120, hash: hashOf(120) })
      assert.equal(heads.size, 121)
    })

    it('finds the same head, wherever it is told to look first', async () => {
      for (const lowest of [1, 3, 4, 99])
        assert.equal((await store.findHeads(new Map([[CHAIN, lowest]]))).get(CHAIN)?.sequence, 3)
    })

    it('finds accepted hashes at sequence numbers, also when there are thousands of them', async () => {
      const wanted = Array.from({ length: 3_000 }, (_, index) => index)
      const hashes = await store.findHashes(CHAIN, wanted)
      assert.deepEqual([...hashes.keys()].sort(), [1, 2, 3])
      assert.equal(hashes.get(2), hashOf(2))
      assert.equal((await store.findHashes('gateway/none/x', [1])).size, 0)
    })

    it('knows the time of its newest row to the microsecond', async () => {
      assert.equal(await store.findNewestMicros(), MICROS)
    })

    it('reads a repeated insert as one row a position', async () => {
      const batch = storeBatch([storeRow(1, { partition: 'twice', instance: 'twice' })])
      await store.insert(batch)
      await store.insert(batch)
      assert.equal(await store.findWatermark('events', 'twice'), 0)
      const chain = `${WRITER}/twice`
      assert.equal((await store.findHeads(new Map([[chain, 1]]))).get(chain)?.sequence, 1)
    })

    it('keeps both rows of a fork', async () => {
      const rows = ['a', 'b'].map((digit) => storeRow(1, { instance: 'two heads', hash: digit.repeat(64) }))
      await store.insert(storeBatch(rows))
      await store.insert(storeBatch(rows.slice(1)))
      const found = await store.select("SELECT DISTINCT hash FROM events WHERE instance = 'two heads'")
      assert.equal(found.length, 2)
    })

    it('takes a batch whose senders claim 120 different months, in one part', async () => {
      const rows = Array.from({ length: 120 }, (_, month) =>
        storeRow(month + 1, { instance: 'months', time: new Date(Date.UTC(2000, month)).toISOString() }),
      )
      await store.insert(storeBatch(rows, { ingestedAtMicros: MICROS }))
      const found = await store.select("SELECT DISTINCT _part FROM events WHERE instance = 'months'")
      assert.equal(found.length, 1)
    })

    it('stores payloads and quarantined bytes beside the events', async () => {
      const place = { topic: 'events', partition: CHAIN, offset: 0 } as const
      const payload: PayloadRow = {
        ...place,
        hash: hashOf(1),
        chain: CHAIN,
        recorded: 'AAA=',
        signals: '',
        erased_by: '',
      }
      const bytes = {
        part: 'message',
        chain: '',
        reason: 'bad',
        digest: hashOf(7),
        bytes: 3,
        raw: 'AAAA',
        headers: '{}',
      }
      const quarantined: QuarantineRow = { ...place, ...bytes }
      await store.insert(storeBatch([storeRow(4)], { payloads: [payload], quarantined: [quarantined] }))
      assert.deepEqual(await store.select(`SELECT ${Object.keys(payload).join(', ')} FROM payloads`), [payload])
      assert.deepEqual(await store.select(`SELECT ${Object.keys(quarantined).join(', ')} FROM quarantine`), [
        quarantined,
      ])
    })

    it('binds parameters, and lets none of their text become SQL', async () => {
      const text = "x' OR 1=1 --\\"
      const sql = 'SELECT {text:String} AS text, {list:Array(String)} AS list, {number:UInt64} AS number'
      const rows = await store.select(sql, { text, list: [text, '', '\t'], number: 9_007_199_254_740_991 })
      assert.deepEqual(rows, [{ text, list: [text, '', '\t'], number: 9_007_199_254_740_991 }])
      assert.deepEqual(await store.select('SELECT 1 FROM events WHERE writer = {text:String}', { text }), [])
    })

    it('leaves no setting behind that reaches a later statement', async () => {
      const changed = 'SELECT name, value FROM system.settings WHERE changed ORDER BY name'
      const earlier = await store.select(changed)
      await store.insert(storeBatch([storeRow(1, { instance: 'settings' })]))
      await store.findWatermark('events', CHAIN)
      assert.deepEqual(await store.select(changed), earlier)
    })

    it('says what to do, when a statement can never succeed', async () => {
      await assert.rejects(store.select('SELECT * FROM no_such_table'), {
        code: 'STORE_INVALID',
        retriable: false,
        fix: /restore the tables/,
      })
    })
  })
}

function hashOf(sequence: number): string {
  return sequence.toString(16).padStart(64, '0')
}
