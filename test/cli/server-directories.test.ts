// The directories of a server's command, and the root that may be declared for one of them only.
import assert from 'node:assert/strict'
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, describe, it } from 'node:test'
import { checkRoot, listServerDirectories } from '../../cli/server-directories.ts'

const top = mkdtempSync(join(tmpdir(), 'toolwarden-directories-'))
const [one, two, file] = [join(top, 'one'), join(top, 'two'), join(top, 'server.js')]
mkdirSync(one)
mkdirSync(two)
writeFileSync(file, '')
after(() => rmSync(top, { recursive: true }))

describe('listServerDirectories', () => {
  it('finds absolute directories that exist, each once, also behind an option', () => {
    const command = ['/bin', file, `${one}/`, `--dir=${two}`, one, 'relative', join(top, 'none'), join(file, 'beneath')]
    assert.deepEqual(listServerDirectories(command), [one, two])
  })

  it('finds none where there is no command', () => assert.deepEqual(listServerDirectories([]), []))
})

describe('checkRoot', () => {
  it('refuses a root for a server with several directories', () => {
    assert.throws(() => checkRoot(one, ['node', file, one, two]), { code: 'USAGE', where: new RegExp(`--root ${one}`) })
  })

  it('lets pass one directory, and any number without a root', () => {
    checkRoot(one, ['node', file, one, `${one}/.`])
    checkRoot(undefined, ['node', file, one, two])
  })
})
