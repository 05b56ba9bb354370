// An installation is made once, whoever comes first; nobody else can read it; damage is named, never mended in silence.
import assert from 'node:assert/strict'
import { chmodSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, it } from 'node:test'
import { ensureInstallation, openInstallation } from '../../cli/installation.ts'
import type { ErrorCode } from '../../events/errors.ts'
import { withCode } from '../support/errors.ts'

let home: string
let data: string
beforeEach(() => {
  home = mkdtempSync(join(tmpdir(), 'toolwarden-installation-'))
  data = join(home, 'a', 'data')
})
afterEach(() => rmSync(home, { recursive: true }))

function modeOf(path: string): number {
  return statSync(path).mode & 0o777
}

describe('ensureInstallation', () => {
  it('makes keys, trust and a token that nobody else can read, and opens the same ones again', async () => {
    const made = await ensureInstallation(data)
    const opened = await ensureInstallation(data)
    assert.deepEqual([made.isNew, opened.isNew], [true, false])
    assert.deepEqual(opened.deploymentKey, made.deploymentKey)
    assert.deepEqual(
      opened.trust.map(({ writer }) => writer),
      ['gateway/*', 'detectors/*', 'api/*', 'ledger/*'],
    )
    assert.deepEqual([modeOf(data), modeOf(made.directory)], [0o700, 0o700])
    for (const file of readdirSync(made.directory)) assert.equal(modeOf(join(made.directory, file)), 0o600, file)
  })

  it('makes one and the same, when eight come at once, and leaves no draft behind', async () => {
    const all = await Promise.all(Array.from({ length: 8 }, () => ensureInstallation(data)))
    assert.equal(new Set(all.map(({ log }) => log)).size, 1)
    assert.equal(new Set(all.map(({ deploymentKey }) => deploymentKey.toString('hex'))).size, 1)
    assert.equal(all.filter(({ isNew }) => isNew).length, 1)
    assert.deepEqual(readdirSync(data), ['installation'])
  })

  it('refuses a data directory that others can enter, and one that is a file', async () => {
    mkdirSync(data, { recursive: true })
    chmodSync(data, 0o755)
    await assert.rejects(ensureInstallation(data), withCode('CONFIG_INVALID', /others can read/))
    const file = join(home, 'file')
    writeFileSync(file, '')
    await assert.rejects(ensureInstallation(file), withCode('CONFIG_INVALID', /EEXIST/))
    await assert.rejects(ensureInstallation(join(file, 'below')), withCode('CONFIG_INVALID', /ENOTDIR/))
  })
})

describe('a damaged installation', () => {
  const damages: readonly (readonly [what: string, file: string, damage: (path: string) => void, code: ErrorCode])[] = [
    ['a key that is gone', 'gateway.key', (path) => rmSync(path), 'KEY_MISSING'],
    ['a key that is no key', 'api.key', (path) => writeFileSync(path, 'x'), 'KEY_INVALID'],
    ['a key that others can read', 'ledger.key', (path) => chmodSync(path, 0o644), 'KEY_INVALID'],
    ['half a deployment key', 'deployment.key', (path) => writeFileSync(path, 'abcd\n'), 'KEY_INVALID'],
    [
      'a manifest cut short',
      'installation.json',
      (path) => writeFileSync(path, readFileSync(path, 'utf8').slice(0, 40)),
      'CONFIG_INVALID',
    ],
    ['a manifest of another form', 'installation.json', (path) => writeFileSync(path, '{}'), 'CONFIG_INVALID'],
    ['a manifest that is gone', 'installation.json', (path) => rmSync(path), 'KEY_MISSING'],
  ]
  for (const [what, file, damage, code] of damages) {
    it(`is refused with the file’s place, and no new one is made: ${what}`, async () => {
      const { directory } = await ensureInstallation(data)
      const path = join(directory, file)
      damage(path)
      await assert.rejects(
        openInstallation(data),
        (error) => withCode(code)(error) && (error as { where?: string }).where === path,
      )
      await assert.rejects(ensureInstallation(data), withCode(code))
    })
  }
})
