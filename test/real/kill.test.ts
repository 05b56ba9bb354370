// Gateway and `up` are killed (SIGKILL) again and again at random moments under concurrent calls. Afterwards every call
// that reached the server is in the store with its propose and its decide, nothing is lost or doubled, and verify is clean.
import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { parseEvent } from '../../events/event.ts'
import type { StoredRecord } from '../../events/log.ts'
import { KillLoop } from '../support/kill-loop.ts'
import { kafkaForTests, kafkaSkipReason } from '../support/kafka.ts'
import { Pipeline, type RunningUp } from '../support/pipeline.ts'
import { checkStoredOnce, findReceipts, findUnrecorded, readFileLog, readStore } from '../support/stored-record.ts'

const KILLS = 40
const KAFKA_KILLS = 14
const SEED = Number(process.env.KILL_SEED ?? 20261122)

describe('a gateway and an `up` that are killed again and again', () => {
  it('leave every call that ran on record, nothing lost, nothing doubled, on the embedded log', async (context) => {
    const pipeline = new Pipeline()
    context.after(() => pipeline.remove())
    const loop = new KillLoop(pipeline, SEED)
    const { answered } = await loop.run(KILLS)
    const up = await pipeline.startUp()
    const records = await readFileLog(pipeline)
    await untilStored(pipeline, up, records)
    await pipeline.stopUp(up)
    // What the stopped one wrote last is read by the next.
    await settleAll(pipeline)
    const history = await readStore(pipeline)
    checkStoredOnce(await readFileLog(pipeline).then((all) => all.filter(isBefore(records))), onlyBefore(history, records))
    await checkRecord(pipeline, answered, loop.summary)
  })
})
