// The log's directory from one start to the next: an unmounted disk leaves an empty one, into which nothing may be written.
import assert from 'node:assert/strict'
import { existsSync, mkdirSync, readdirSync, renameSync, rmSync } from 'node:fs'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, it } from 'node:test'
import { FileLog } from '../../events/file-log.ts'
import { withCode } from '../support/errors.ts'
import { temporaryDirectory } from '../support/ledger-harness.ts'

const RECORDS = [{ key: 'gateway/files/1', value: Buffer.from('x'), headers: {} }]
const CHOICE = { chain: 'gateway/files/1', deadlineMs: 2_000 }

describe('the root of a log', () => {
  let directory: ReturnType<typeof temporaryDirectory>
  let root = ''
  let memory = ''
  beforeEach(() => {
    directory = temporaryDirectory()
    root = join(directory.path, 'log')
    memory = join(directory.path, 'log.id')
  })
  afterEach(() => directory.remove())

  /** One process that writes and reads. */
  async function use(chain: string): Promise<void> {
    const log = new FileLog({ root, memory })
    try {
      await log.append('events', RECORDS, { ...CHOICE, chain })
      await (await log.subscribe('events', { from: 'beginning' }, () => undefined)).caughtUp
    } finally {
      await log.close()
    }
  }

  /** What an unmounted disk leaves. */
  function unmount(): void {
    renameSync(root, `${root}.away`)
    mkdirSync(root)
  }

  it('is marked at its first use, and known at the next', async () => {
    await use('gateway/files/1')
    assert.equal(existsSync(memory), true)
    await use('gateway/files/2')
  })

  it('is refused where it is empty although a log was there, to writers and to readers, and nothing is made in it', async () => {
    await use('gateway/files/1')
    unmount()
    const log = new FileLog({ root, memory })
    await assert.rejects(log.append('events', RECORDS, CHOICE), withCode('LOG_UNAVAILABLE'))
    await assert.rejects(
      log.subscribe('events', { from: 'beginning' }, () => undefined),
      withCode('LOG_UNAVAILABLE'),
    )
    assert.deepEqual(readdirSync(root), [])
    await log.close()
  })

  it('is taken by the same process once its disk is back', async () => {
    await use('gateway/files/1')
    unmount()
    const log = new FileLog({ root, memory })
    const choice = { ...CHOICE, chain: 'gateway/files/2' }
    await assert.rejects(log.append('events', RECORDS, choice), withCode('LOG_UNAVAILABLE'))
    rmSync(root, { recursive: true })
    renameSync(`${root}.away`, root)
    assert.equal((await log.append('events', RECORDS, choice)).length, 1)
    await log.close()
  })

  it('may be another one on purpose: what was remembered is removed', async () => {
    await use('gateway/files/1')
    unmount()
    rmSync(memory)
    await use('gateway/files/2')
  })

  it('is one for all that begin at the same moment', async () => {
    await Promise.all(Array.from({ length: 8 }, (_, number) => use(`gateway/files/${number}`)))
    await use('gateway/files/9')
  })
})
