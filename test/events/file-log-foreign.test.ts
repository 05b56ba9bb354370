// What does not belong into the log's directory: readers neither wait for it nor follow it, and every other chain goes on.
import assert from 'node:assert/strict'
import { execFileSync } from 'node:child_process'
import { mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, before, describe, it } from 'node:test'
import { lookAt } from '../../events/file-log-look.ts'

describe('a look at a segment', () => {
  let directory = ''
  before(() => {
    directory = mkdtempSync(join(tmpdir(), 'toolwarden-foreign-'))
    writeFileSync(join(directory, 'segment'), 'bytes')
  })
  after(() => rmSync(directory, { recursive: true }))

  it('reads a file', async () => {
    assert.equal((await lookAt(join(directory, 'segment'), 1))?.bytes.toString(), 'ytes')
  })

  it('sees nothing, and does not wait, when it is a FIFO', async () => {
    execFileSync('mkfifo', [join(directory, 'fifo')])
    assert.equal(await lookAt(join(directory, 'fifo'), 0), undefined)
  })

  it('sees nothing when it is a link or a directory', async () => {
    symlinkSync(join(directory, 'segment'), join(directory, 'link'))
    mkdirSync(join(directory, 'folder'))
    assert.equal(await lookAt(join(directory, 'link'), 0), undefined)
    assert.equal(await lookAt(join(directory, 'folder'), 0), undefined)
  })
})
