// A chain that nobody appends to keeps no file open, so that its file system can be remounted or unmounted.
import assert from 'node:assert/strict'
import { existsSync, readdirSync, readlinkSync, rmSync } from 'node:fs'
import { join } from 'node:path'
import { describe, it } from 'node:test'
import { FileLog } from '../../events/file-log.ts'
import { appendValues, FileLogBench } from '../support/file-log-bench.ts'
import { until } from '../support/until.ts'

const skip = existsSync('/proc/self/fd') ? false : 'needs /proc'

describe('a chain at rest', { skip }, () => {
  it('has no file open, and takes the next append', async () => {
    const bench = await FileLogBench.create()
    const log = new FileLog({ root: bench.root })
    await appendValues(log, ['one'])
    await until(() => openFiles(bench.root).length === 0)
    await appendValues(log, ['two'])
    assert.equal((await bench.readAll()).records.length, 2)
    await log.close()
    await bench.remove()
  })

  it('goes on in a new file, when its directory was removed meanwhile', async () => {
    const bench = await FileLogBench.create()
    const log = new FileLog({ root: bench.root })
    await appendValues(log, ['one'])
    await until(() => openFiles(bench.root).length === 0)
    rmSync(join(bench.root, 'events'), { recursive: true })
    await appendValues(log, ['two'])
    assert.equal((await bench.readAll()).records.length, 1)
    await log.close()
    await bench.remove()
  })
})

/** The files below a directory that this process has open. */
function openFiles(root: string): readonly string[] {
  return readdirSync('/proc/self/fd').flatMap((descriptor) => {
    try {
      const path = readlinkSync(join('/proc/self/fd', descriptor))
      return path.startsWith(root) && path.endsWith('.log') ? [path] : []
    } catch {
      // Closed while it was looked at.
      return []
    }
  })
}
