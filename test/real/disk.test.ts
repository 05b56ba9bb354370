// The event log's file system is full, read-only, broken or frozen under running gateways and a running `up`: calls are
// denied with a reason and reach no server; when it is back the chains go on, verify is clean and nobody was alarmed.
import assert from 'node:assert/strict'
import { readdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, it, type TestContext } from 'node:test'
import type { CallClient } from '../support/call-client.ts'
import { Pipeline, type RunningUp } from '../support/pipeline.ts'
import { loopProblem, mountBind, mountLoop, mountProblem, mountTmpfs, type SmallDisk } from '../support/small-disk.ts'
import { findReceipts, findUnrecorded, readLog, readStore, untilStored } from '../support/stored-record.ts'

const skip = mountProblem() ?? false
/** Chains of services begin with their first heartbeat, after ten seconds. */
const HEARTBEAT_MS = 13_000
const skipLoop = loopProblem() ?? false

describe('the disk of the event log', { skip }, () => {
  it('denies calls when it is nearly full, holds answers when it is full, and goes on when there is room', async (context) => {
    const { disk, client, up, pipeline } = await startOn(context, (log) => mountTmpfs(log))
    const held = client.call('hold', 'held')
    await pipeline.until(() => pipeline.executed.includes('held'))
    await disk.fill(200_000)
    await untilRefused(client, pipeline)
    await expectDenied(client, 'log_full', ['full-1', 'full-2'])
    await disk.fill(0)
    writeFileSync(`${pipeline.executedFile}.go`, '')
    await expectDenied(client, 'log_full', ['full-3', 'full-4'])
    disk.empty()
    assert.equal((await held).type, 'answered')
    await expectGoingOn({ client, up, pipeline }, context)
  })

  it('goes on when a full tmpfs is made larger', async (context) => {
    const { disk, client, up, pipeline } = await startOn(context, (log) => mountTmpfs(log))
    await disk.fill(0)
    await untilRefused(client, pipeline)
    await expectDenied(client, 'log_full', ['full-1', 'full-2'])
    await disk.remount('size=16m')
    await expectGoingOn({ client, up, pipeline }, context)
  })

  for (const [what, mount, flags, unable] of [
    ['a tmpfs', mountTmpfs, [], skip],
    ['a bind mount', mountBind, ['bind'], skip],
    ['an ext4', (log: string) => mountLoop(log, `${log}.img`), [], skipLoop],
  ] as const) {
    it(`denies calls while ${what} is remounted read-only, and goes on when it is writable again`, {
      skip: unable,
    }, async (context) => {
      const { disk, client, up, pipeline } = await startOn(context, (log) => mount(log))
      // A write may be under way at this very moment: a busy disk is asked again.
      await pipeline.until(() =>
        disk.remount('ro', ...flags).then(
          () => true,
          () => false,
        ),
      )
      await expectDenied(client, 'log_unavailable', ['ro-1', 'ro-2'])
      await disk.remount('rw', ...flags)
      await expectGoingOn({ client, up, pipeline }, context)
    })
  }

  it('denies calls when an ext4 has an error, and goes on when it is repaired and mounted again', {
    skip: skipLoop,
  }, async (context) => {
    const { disk, client, up, pipeline } = await startOn(context, (log) => mountLoop(log, `${log}.img`))
    const held = client.call('hold', 'held')
    await pipeline.until(() => pipeline.executed.includes('held'))
    disk.breakIt()
    writeFileSync(`${pipeline.executedFile}.go`, '')
    await expectDenied(client, 'log_unavailable', ['broken-1', 'broken-2'])
    await disk.unmount()
    await disk.repair()
    assert.equal((await held).type, 'answered')
    await expectGoingOn({ client, up, pipeline }, context)
  })

  it('denies calls while it is unmounted, and writes nothing in its place', { skip: skipLoop }, async (context) => {
    const startedMs = performance.now()
    const { disk, client, up, pipeline } = await startOn(context, (log) => mountLoop(log, `${log}.img`))
    await disk.unmount()
    await expectDenied(client, 'log_unavailable', ['gone-1', 'gone-2'])
    // Every writer has something to say by then.
    await pipeline.until(() => performance.now() - startedMs > HEARTBEAT_MS)
    assert.deepEqual(readdirSync(disk.directory), [])
    await disk.repair()
    await expectGoingOn({ client, up, pipeline }, context)
  })

  it('is not replaced by what is below it, where programs start while it is unmounted', {
    skip: skipLoop,
  }, async (context) => {
    const { disk, client, up, pipeline } = await startOn(context, (log) => mountLoop(log, `${log}.img`))
    await client.end()
    await pipeline.stopUp(up)
    await disk.unmount()
    const { code, errors } = await pipeline.start(['up', '--port', '0']).ended
    assert.notEqual(code, 0)
    assert.match(errors, /not where it was/)
    const late = pipeline.startGateway()
    await late.initialize()
    const end = await late.call('count', 'gone')
    assert.ok(end.type === 'refused' && /event log is unavailable/.test(end.text), JSON.stringify(end))
    assert.deepEqual(readdirSync(disk.directory), [])
    await disk.repair()
    await pipeline.until(async () => (await late.call('count', 'after')).type === 'answered')
    await expectGoingOn({ client: late, up: await pipeline.startUp(), pipeline }, context)
  })

  it('denies calls while it is frozen, within two seconds and then at once', { skip: skipLoop }, async (context) => {
    const { disk, client, up, pipeline } = await startOn(context, (log) => mountLoop(log, `${log}.img`))
    await disk.freeze()
    await expectDenied(client, 'log_unavailable', ['frozen-1', 'frozen-2'])
    await disk.thaw()
    await expectGoingOn({ client, up, pipeline }, context)
  })
})

interface Stage<Disk> {
  readonly pipeline: Pipeline
  readonly disk: Disk
  readonly client: CallClient
  readonly up: RunningUp
}

interface Running {
  readonly pipeline: Pipeline
  readonly client: CallClient
  readonly up: RunningUp
}

/** `up` and a gateway with one call behind it, the log on a disk of its own. */
async function startOn<Disk extends SmallDisk>(
  context: TestContext,
  mount: (log: string) => Promise<Disk>,
): Promise<Stage<Disk>> {
  const pipeline = new Pipeline()
  await pipeline.start(['init']).ended
  const disk = await mount(join(pipeline.data, 'log'))
  context.after(async () => {
    await pipeline.end()
    disk.remove()
    await pipeline.remove()
  })
  const up = await pipeline.startUp()
  const client = pipeline.startGateway()
  await client.initialize()
  assert.equal((await client.call('count', 'before')).type, 'answered', client.stderr)
  return { pipeline, disk, client, up }
}

/** The free space is asked every quarter of a second: until then a call may find room, and is recorded. */
function untilRefused(client: CallClient, pipeline: Pipeline): Promise<void> {
  return pipeline.until(async () => (await client.call('count', 'before')).type === 'refused')
}

/** Each call is refused with the reason, the first within the deadline, the next at once, and none runs. */
async function expectDenied(client: CallClient, reason: string, numbers: readonly string[]): Promise<void> {
  for (const [index, number] of numbers.entries()) {
    const end = await client.call('count', number)
    assert.ok(end.type === 'refused', JSON.stringify(end))
    assert.match(end.text, reason === 'log_full' ? /no room/ : /event log is unavailable/)
    const limitMs = index === 0 ? 3_000 : 1_000
    assert.ok(end.tookMs < limitMs, `${number}: ${end.tookMs} ms`)
  }
}

/** Calls run again; only they and the first reached the server; the record is whole and nobody was alarmed. */
async function expectGoingOn({ client, up, pipeline }: Running, context: TestContext): Promise<void> {
  await pipeline.until(async () => (await client.call('count', 'after')).type === 'answered')
  assert.deepEqual(
    [...new Set(pipeline.executed)].filter((number) => !['before', 'held', 'after'].includes(number)),
    [],
  )
  assert.deepEqual(await client.end(), { code: 0, signal: null })
  await untilStored(pipeline, up, await readLog(pipeline))
  const { items } = await pipeline.get<{ items: readonly unknown[] }>(up, '/v1/alerts')
  assert.deepEqual(items, [])
  await pipeline.stopUp(up)
  const history = await readStore(pipeline)
  assert.deepEqual(findUnrecorded(pipeline.executed, history), [])
  const odd = history.rows.filter(({ outcome }) => !['accepted', 'duplicate'].includes(outcome))
  assert.deepEqual(odd, [])
  const { code, report } = await pipeline.verify()
  assert.deepEqual([code, report.violations, report.openCalls], [0, [], []])
  const closed = findReceipts(history, 'not_forwarded')
  context.diagnostic(`${history.rows.length} rows, ${closed.length} calls closed as not forwarded`)
}
