// Keys as their users handle them: registered in the ledger by the first `up`, rotated without losing what is in force,
// an installation from before there was an enrolment key, and private keys behind a passphrase.
import assert from 'node:assert/strict'
import { cpSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, it, type TestContext } from 'node:test'
import { APPEND_DEADLINE_MS } from '../../events/log.ts'
import { readKeyFile } from '../../events/private-file.ts'
import { forgeRun } from '../support/forger.ts'
import { Pipeline, type PipelineOptions, type RunningUp } from '../support/pipeline.ts'

interface Page {
  readonly items: readonly { readonly type: string; readonly event?: { readonly holder?: string } }[]
}

function newPipeline(context: TestContext, options: PipelineOptions = {}): Pipeline {
  const pipeline = new Pipeline(options)
  context.after(() => pipeline.remove())
  return pipeline
}

async function countEvents(pipeline: Pipeline, up: RunningUp, type: string): Promise<number> {
  return (await pipeline.get<Page>(up, `/v1/events?type=${type}`)).items.length
}

/** Whether a call reaches its server through a gateway that starts now. */
async function callOnce(pipeline: Pipeline): Promise<boolean> {
  const before = pipeline.executed.length
  const client = pipeline.startGateway()
  await client.initialize()
  await client.call('count', String(before))
  await client.kill('SIGTERM')
  return pipeline.executed.length > before
}

async function run(pipeline: Pipeline, ...args: readonly string[]): Promise<string> {
  const { code, output, errors } = await pipeline.start(args).ended
  assert.equal(code, 0, errors)
  return output
}

describe('the keys of an installation', () => {
  it('are registered in the ledger, once, however often it starts', async (context) => {
    const pipeline = newPipeline(context)
    for (const _ of [1, 2]) {
      const up = await pipeline.startUp()
      await pipeline.until(async () => (await countEvents(pipeline, up, 'key/registered')) >= 4)
      assert.equal(await countEvents(pipeline, up, 'key/registered'), 4)
      await pipeline.stopUp(up)
    }
    assert.equal((await pipeline.verify()).code, 0)
  })

  it('are registered in one that was made before there was an enrolment key', async (context) => {
    const pipeline = newPipeline(context)
    await run(pipeline, 'init')
    const folder = join(pipeline.data, 'installation')
    const file = join(folder, 'installation.json')
    const { enrolment: _, keys: _keys, ...before } = JSON.parse(readFileSync(file, 'utf8')) as Record<string, unknown>
    writeFileSync(file, JSON.stringify(before))
    rmSync(join(folder, 'enrolment.key'))
    assert.ok(await callOnce(pipeline))
    const up = await pipeline.startUp()
    await pipeline.until(async () => (await countEvents(pipeline, up, 'key/registered')) === 4)
    await pipeline.stopUp(up)
    assert.equal((await pipeline.verify()).code, 0)
  })

  it('are rotated, and what was in force stays so; the old ones count for what lies before', async (context) => {
    const pipeline = newPipeline(context)
    let up = await pipeline.startUp()
    assert.ok(await callOnce(pipeline))
    await run(pipeline, 'stop', '--all', '--reason', 'a test')
    await pipeline.stopUp(up)
    const stolen = join(pipeline.directory, 'stolen.key')
    cpSync(join(pipeline.data, 'installation', 'gateway.key'), stolen)
    for (const role of ['api', 'gateway', 'detectors', 'ledger']) await run(pipeline, 'keys', 'rotate', role)
    up = await pipeline.startUp()
    await pipeline.until(async () => (await countEvents(pipeline, up, 'key/revoked')) === 4)
    assert.equal(await callOnce(pipeline), false)
    await run(pipeline, 'resume', '--all', '--reason', 'a test')
    assert.ok(await callOnce(pipeline))
    const key = await readKeyFile(stolen)
    assert.ok(key !== undefined)
    const { chain, records } = forgeRun({ log: (await pipeline.installation()).log, writer: 'gateway/count', key })
    const eventLog = await pipeline.openLog()
    const [opening = [], call = []] = [records.slice(0, 2), records.slice(2, 4)]
    for (const append of [opening, call])
      await eventLog.append('events', append, { chain, deadlineMs: APPEND_DEADLINE_MS })
    await eventLog.close()
    await pipeline.until(async () => (await countEvents(pipeline, up, 'ledger/quarantined')) > 0)
    await pipeline.stopUp(up)
    const { code, report } = await pipeline.verify()
    assert.deepEqual([code, report.violations], [0, []])
    assert.ok((report.counts.quarantined ?? 0) >= 4)
  })

  it('are encrypted where a passphrase is set, and open with it alone', async (context) => {
    const pipeline = newPipeline(context, { environment: { TOOLWARDEN_KEY_PASSPHRASE: 'correct horse' } })
    const up = await pipeline.startUp()
    assert.ok(await callOnce(pipeline))
    await pipeline.stopUp(up)
    for (const name of ['gateway', 'api', 'enrolment', 'log']) {
      const path = join(pipeline.data, 'installation', `${name}.key`)
      assert.match(readFileSync(path, 'utf8'), /^-----BEGIN ENCRYPTED PRIVATE KEY/)
      assert.equal(statSync(path).mode & 0o777, 0o600)
    }
    for (const passphrase of ['', 'wrong']) {
      const { code, errors } = await pipeline.start(['keys', 'show'], { TOOLWARDEN_KEY_PASSPHRASE: passphrase }).ended
      assert.deepEqual(
        [code, /KEY_INVALID: the (key is encrypted|passphrase does not)/.test(errors)],
        [4, true],
        errors,
      )
    }
    assert.equal((await pipeline.verify()).code, 0)
  })
})
