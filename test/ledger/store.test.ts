// The store's contract on chDB and over HTTP, with what only one of them can do wrong. One process, one chDB directory:
// loading libchdb takes most of a second.
import assert from 'node:assert/strict'
import { join } from 'node:path'
import { after, before, describe, it } from 'node:test'
import { openLedgerStore } from '../../ledger/clickhouse-store.ts'
import { describeStore, storeBatch, storeRow } from '../contract/store.ts'
import { type ClickHouseHttp, startClickHouseHttp } from '../support/clickhouse-http.ts'
import { createTestStores, TEST_LOG, type TestStores } from '../support/ledger-harness.ts'

const USER = { user: 'ledger', password: 'p@ss:word/%' }

let stores: TestStores
let http: ClickHouseHttp

before(async () => {
  stores = await createTestStores()
  http = await startClickHouseHttp({ directory: stores.directory, ...USER })
})
after(async () => {
  await http.close()
  await stores.close()
})

describeStore({ name: 'chDB', open: () => stores.open() })
describeStore({
  name: 'HTTP',
  open: () => openLedgerStore({ url: http.url, ...USER, database: stores.newDatabase() }, TEST_LOG),
})

describe('a store over HTTP', () => {
  it('may fail although the rows were written, and then tells that they are there', async () => {
    const store = await openLedgerStore({ url: http.url, ...USER, database: stores.newDatabase() }, TEST_LOG)
    http.cutNext('INSERT INTO events', 'after')
    await assert.rejects(store.insert(storeBatch([storeRow(1)])), { code: 'STORE_UNAVAILABLE', retriable: true })
    assert.equal(await store.isStored(storeRow(1)), true)
    await store.close()
  })

  it('sends no setting outside of the SQL, and no insert without its settings', () => {
    const inserts = http.statements.filter((sql) => sql.startsWith('INSERT'))
    assert.ok(inserts.length > 0)
    for (const sql of inserts) assert.match(sql, /SETTINGS async_insert = 0, deduplicate_insert = 'disable'/)
  })

  it('is refused with a wrong password, and the message does not hold it', async () => {
    const open = openLedgerStore({ url: http.url, user: USER.user, password: 'wrong-secret' }, TEST_LOG)
    await assert.rejects(open, (error: Error & { code?: string; fix?: string }) => {
      assert.equal(error.code, 'STORE_INVALID')
      assert.match(error.fix ?? '', /password/)
      return !error.message.includes('wrong-secret')
    })
  })

  it('is unavailable, not invalid, when nobody listens', async () => {
    const open = openLedgerStore({ url: 'http://127.0.0.1:9', ...USER }, TEST_LOG)
    await assert.rejects(open, { code: 'STORE_UNAVAILABLE', retriable: true })
  })

  it('takes user and password from the URL too', async () => {
    const url = http.url.replace('://', `://${USER.user}:${encodeURIComponent(USER.password)}@`)
    const store = await openLedgerStore({ url, database: stores.newDatabase() }, TEST_LOG)
    assert.equal(await store.findNewestMicros(), 0)
    await store.close()
  })

  it('refuses an address that is none, and a database whose name is SQL', async () => {
    await assert.rejects(openLedgerStore({ url: 'localhost' }, TEST_LOG), { code: 'CONFIG_INVALID' })
    const database = 'x; DROP DATABASE x'
    await assert.rejects(openLedgerStore({ url: http.url, database }, TEST_LOG), { code: 'CONFIG_INVALID' })
  })
})

describe('opening a store', () => {
  it('is refused for another ledger, and for tables of a newer version', async () => {
    const database = stores.newDatabase()
    const url = { url: http.url, ...USER, database }
    const store = await openLedgerStore(url, TEST_LOG)
    await assert.rejects(openLedgerStore(url, 'another'), {
      code: 'STORE_INVALID',
      fix: /set the name of the log to test/,
    })
    await stores.run(`INSERT INTO ${database}.meta SELECT 99, '${TEST_LOG}', now64(6)`)
    await assert.rejects(openLedgerStore(url, TEST_LOG), { code: 'STORE_INVALID', fix: /newer toolwarden/ })
    await store.close()
  })

  it('fails with the directory and a fix, when it cannot be made', async () => {
    const directory = join(stores.directory, 'toolwarden.lock', 'store')
    await assert.rejects(openLedgerStore({ directory }, TEST_LOG), { code: 'STORE_UNAVAILABLE', where: directory })
  })
})
