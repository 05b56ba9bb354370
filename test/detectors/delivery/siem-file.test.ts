// The SIEM's file on a real disk: whole lines, of this user alone, put aside before they are too many.
import assert from 'node:assert/strict'
import { appendFile, mkdir, mkdtemp, readdir, readFile, rm, stat } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, before, describe, it } from 'node:test'
import { alertSettings } from '../../../detectors/delivery/settings.ts'
import { createSiemFile } from '../../../detectors/delivery/siem-file.ts'
import { raised } from './notices.ts'

const PRODUCT = { name: 'toolwarden', version: 'test' }

let directory: string
before(async () => {
  directory = await mkdtemp(join(tmpdir(), 'toolwarden-siem-'))
})
after(() => rm(directory, { recursive: true }))

function siemAt(file: string, changes: object = {}): ReturnType<typeof createSiemFile> {
  const { siem } = alertSettings.parse({ siem: { file, ...changes } })
  assert.ok(siem !== undefined)
  return createSiemFile(siem, PRODUCT)
}

async function linesOf(file: string): Promise<readonly unknown[]> {
  const text = await readFile(file, 'utf8')
  return text
    .split('\n')
    .slice(0, -1)
    .map((line) => JSON.parse(line) as unknown)
}

describe('SIEM file', () => {
  it('is one line an alert for every reader of lines, whatever the words in it', async () => {
    const file = join(directory, 'hostile.jsonl')
    const message = 'a\u0085{"severity_id":6}\u2028b\u2029c\u009b2J\u202ed'
    await siemAt(file).send(raised({ explanation: message }), 0)
    assert.doesNotMatch((await readFile(file, 'utf8')).slice(0, -1), /[\p{Cc}\p{Cf}\p{Zl}\p{Zp}]/u)
    assert.equal(((await linesOf(file)) as readonly { message: string }[])[0]?.message, message)
  })

  it('has a finding a line, and only its owner reads it', async () => {
    const file = join(directory, 'new', 'alerts.jsonl')
    const siem = siemAt(file)
    assert.deepEqual(await siem.send(raised(), 0), { type: 'delivered' })
    assert.deepEqual(await siem.send(raised(), 0), { type: 'delivered' })
    assert.equal((await linesOf(file)).length, 2)
    assert.equal((await stat(file)).mode & 0o777, 0o600)
  })

  it('is put aside before it is too large, and so often only', async () => {
    const file = join(directory, 'small.jsonl')
    const siem = siemAt(file, { maxBytes: 4_096, keepFiles: 2 })
    for (let count = 0; count < 20; count++) await siem.send(raised(), 0)
    const names = (await readdir(directory)).filter((name) => name.startsWith('small')).toSorted()
    assert.deepEqual(names, ['small.jsonl', 'small.jsonl.1', 'small.jsonl.2'])
    for (const name of names) {
      assert.ok((await stat(join(directory, name))).size <= 4_096)
      assert.ok((await linesOf(join(directory, name))).length > 0)
    }
  })

  it('goes on with a line of its own after a crash in the middle of one', async () => {
    const file = join(directory, 'torn.jsonl')
    await appendFile(file, '{"half')
    await siemAt(file).send(raised(), 0)
    const lines = (await readFile(file, 'utf8')).split('\n')
    assert.equal(lines[0], '{"half')
    assert.equal((JSON.parse(lines[1] ?? '') as { class_uid: number }).class_uid, 2004)
  })

  it('that can not be written has failed, and says why', async () => {
    const file = join(directory, 'taken')
    await mkdir(file)
    const attempt = await siemAt(file).send(raised(), 0)
    assert.deepEqual(attempt, { type: 'failed', reason: "the file can't be written (EISDIR)" })
  })
})
