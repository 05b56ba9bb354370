// A machine restored from a snapshot beside the one that goes on: two `up`s with the same keys, on two data directories and one
// ClickHouse server. One of them stops and says why; the log that goes on is whole.
import assert from 'node:assert/strict'
import { cpSync } from 'node:fs'
import { join } from 'node:path'
import { describe, it } from 'node:test'
import { startClickHouseHttp } from '../support/clickhouse-http.ts'
import { temporaryDirectory } from '../support/ledger-harness.ts'
import { Pipeline, type RunningUp } from '../support/pipeline.ts'

const USER = { user: 'ledger', password: 'secret' }

describe('two ledgers of which one is a copy', () => {
  it('do not both sign: one stops with the reason, and the other goes on', async (context) => {
    const store = temporaryDirectory()
    const http = await startClickHouseHttp({ directory: join(store.path, 'store'), ...USER })
    const environment = { CLICKHOUSE_URL: http.url.replace('//', `//${USER.user}:${USER.password}@`) }
    const pipeline = new Pipeline({ environment })
    context.after(() => pipeline.remove().finally(() => http.close().finally(() => store.remove())))
    await pipeline.stopUp(await pipeline.startUp())
    const copy = join(pipeline.directory, 'copy')
    cpSync(pipeline.data, copy, { recursive: true })
    const [own, copied] = await Promise.all([pipeline.startUp(), startCopy(pipeline, copy)])
    const stopped = await Promise.race([own, copied].map(async (up) => ({ up, end: await up.command.ended })))
    assert.notEqual(stopped.end.code, 0)
    assert.match(stopped.end.errors, /another sequencer has claimed a tree|another sequencer has moved the log/)
    const left = stopped.up === own ? copied : own
    await pipeline.stopUp(left)
    const report = await pipeline.start(['verify', '--json'], stopped.up === own ? { TOOLWARDEN_DATA: copy } : {}).ended
    assert.equal(report.code, 0, report.output + report.errors)
  })
})

async function startCopy(pipeline: Pipeline, data: string): Promise<RunningUp> {
  const command = pipeline.start(['up', '--port', '0'], { TOOLWARDEN_DATA: data })
  const found = await command.find(/API\s+(http\S+)/)
  return { command, url: found?.[1] ?? '' }
}
