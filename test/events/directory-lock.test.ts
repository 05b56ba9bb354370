// The lock on the store's directory: one process at a time, and none after the holder is gone, however it went.
import assert from 'node:assert/strict'
import { spawnSync } from 'node:child_process'
import { readdirSync, readFileSync, statSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, it } from 'node:test'
import { lockDirectory } from '../../events/directory-lock.ts'
import { temporaryDirectory } from '../support/ledger-harness.ts'

const FILE = 'toolwarden.lock'

describe('the lock on a directory', () => {
  let directory: ReturnType<typeof temporaryDirectory>
  beforeEach(() => {
    directory = temporaryDirectory()
  })
  afterEach(() => directory.remove())

  it('is refused with the holder and a fix, when somebody holds it', () => {
    const lock = lockDirectory(directory.path)
    assert.throws(() => lockDirectory(directory.path), {
      code: 'STORE_LOCKED',
      message: `the store is in use by process ${process.pid}`,
      fix: /CLICKHOUSE_URL/,
    })
    lock.release()
  })

  it('is free again after its release, and leaves no file', () => {
    lockDirectory(directory.path).release()
    lockDirectory(directory.path).release()
    assert.deepEqual(readdirSync(directory.path), [])
  })

  it('is free after its holder was killed', () => {
    const module = new URL('../../events/directory-lock.js', import.meta.url).href
    const script = `const { lockDirectory } = await import(${JSON.stringify(module)})
      lockDirectory(${JSON.stringify(directory.path)}); process.kill(process.pid, 'SIGKILL')`
    const child = spawnSync(process.execPath, ['--input-type=module', '-e', script])
    assert.equal(child.signal, 'SIGKILL')
    assert.equal(readdirSync(directory.path).length, 1)
    lockDirectory(directory.path).release()
  })

  it('is free when another process has the process id of the killed holder', () => {
    const stale = { pid: process.pid, started: 'in another life', token: 'x' }
    writeFileSync(join(directory.path, FILE), JSON.stringify(stale))
    lockDirectory(directory.path).release()
  })

  it('is free when what lies there is no lock', () => {
    writeFileSync(join(directory.path, FILE), 'torn')
    lockDirectory(directory.path).release()
  })

  it('makes the directory for this user alone', () => {
    const path = join(directory.path, 'store')
    const lock = lockDirectory(path)
    assert.equal(statSync(path).mode & 0o777, 0o700)
    assert.equal(statSync(join(path, FILE)).mode & 0o777, 0o600)
    assert.match(readFileSync(join(path, FILE), 'utf8'), new RegExp(`"pid":${process.pid}`))
    lock.release()
  })

  it('is not released by who does not hold it any more', () => {
    const lock = lockDirectory(directory.path)
    const other = JSON.stringify({ pid: process.pid, started: 'x', token: 'other' })
    writeFileSync(join(directory.path, FILE), other)
    lock.release()
    assert.equal(readFileSync(join(directory.path, FILE), 'utf8'), other)
  })
})
