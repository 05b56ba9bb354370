// The embedded log lets go of what is old, once every reader is past it, over restarts: nothing that was not read is lost.
import assert from 'node:assert/strict'
import { readdirSync, rmSync, utimesSync } from 'node:fs'
import { join } from 'node:path'
import { after, beforeEach, describe, it } from 'node:test'
import { Pipeline, type RunningUp } from '../support/pipeline.ts'

const OLD_SECONDS = Date.now() / 1000 - 40 * 24 * 60 * 60

const pipelines: Pipeline[] = []
let pipeline: Pipeline
beforeEach(() => {
  pipeline = new Pipeline()
  pipelines.push(pipeline)
})
after(() => Promise.all(pipelines.map((each) => each.remove())))

function segments(): readonly string[] {
  const top = join(pipeline.data, 'log', 'events')
  const names = readdirSync(top, { recursive: true, encoding: 'utf8' })
  return names.filter((name) => name.endsWith('.log')).map((name) => join(top, name))
}

/** Makes every segment that there is forty days old. */
function age(): readonly string[] {
  const all = segments()
  for (const path of all) utimesSync(path, OLD_SECONDS, OLD_SECONDS)
  return all
}

async function call(numbers: readonly number[]): Promise<void> {
  const client = pipeline.startGateway()
  await client.initialize()
  for (const number of numbers) await client.call('count', String(number))
  await client.kill('SIGTERM')
}

async function countOf(up: RunningUp, type: string): Promise<number> {
  const { items } = await pipeline.get<{ items: unknown[] }>(up, `/v1/events?limit=100&type=${type}`)
  return items.length
}

/** `up` runs until all these calls have their receipts stored. */
async function runUp(receipts: number, work: (up: RunningUp) => Promise<void> = async () => undefined): Promise<void> {
  const up = await pipeline.startUp()
  await work(up)
  await pipeline.until(async () => (await countOf(up, 'authorization/receipt')) === receipts)
  await pipeline.stopUp(up)
}

function isThere(old: readonly string[]): boolean {
  return segments().some((path) => old.includes(path))
}

function isKept(old: readonly string[]): boolean {
  const left = new Set(segments())
  return old.every((path) => left.has(path))
}

describe('the embedded log', () => {
  it('lets go of old segments that everybody has read, and all goes on as if they were there', async () => {
    await runUp(3, () => call([0, 1, 2]))
    const old = age()
    assert.ok(old.length >= 4)
    await runUp(5, async () => {
      await pipeline.until(() => Promise.resolve(!isThere(old.filter((path) => path.includes('/gateway/')))))
      await call([3, 4])
    })
    assert.equal((await pipeline.verify()).code, 0)
    await runUp(6, async (up) => {
      // What the roles said when they ended was read by the second run, and is let go of in the third.
      await pipeline.until(() => Promise.resolve(!isThere(old)))
      await call([5])
      assert.equal(await countOf(up, 'ledger/gap'), 0)
      assert.equal(await countOf(up, 'alert/raised'), 0)
    })
    assert.equal((await pipeline.verify()).code, 0)
    assert.equal((await pipeline.start(['repair', '--dry-run']).ended).code, 0)
  })

  it('keeps what the ledger has not stored, however old', async () => {
    await runUp(1, () => call([0]))
    await call([1, 2, 3])
    age()
    await runUp(4)
    assert.equal((await pipeline.verify()).code, 0)
  })

  it('keeps what the detectors have not said that they read', async () => {
    await runUp(1, () => call([0]))
    const old = age()
    rmSync(join(pipeline.data, 'detectors'), { recursive: true })
    // They save at the end: until then nothing may go.
    await runUp(2, async () => {
      await call([1])
      assert.ok(isKept(old))
    })
    assert.ok(isKept(old))
    await runUp(2, () => pipeline.until(() => Promise.resolve(!isKept(old))))
  })
})
