// Recorded calls out of files: lines in, calls out, merged by time, and a place for every line that can't be read.
import assert from 'node:assert/strict'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, before, describe, it } from 'node:test'
import { gzipSync } from 'node:zlib'
import { openCallFiles } from '../../cli/call-files.ts'
import { formatCallLine, parseCallLine, type RecordedCall } from '../../ledger/recorded-call.ts'

let directory = ''
before(() => {
  directory = mkdtempSync(join(tmpdir(), 'toolwarden-calls-'))
})
after(() => rmSync(directory, { recursive: true, force: true }))

function lineAt(minute: number, more: object = {}): string {
  const time = new Date(Date.UTC(2026, 0, 1, 0, minute)).toISOString()
  const line = { call: String(minute), time, principal: 'agent:a', session: 's', server: 'files', tool: 'read_file' }
  return JSON.stringify({ ...line, arguments: { path: '/a' }, ...more })
}

async function readAll(path: string): Promise<readonly RecordedCall[]> {
  const { batches } = await openCallFiles(path)
  const calls: RecordedCall[] = []
  for await (const batch of batches) calls.push(...batch)
  return calls
}

describe('files of recorded calls', () => {
  it('are merged by time, plain or compressed', async () => {
    writeFileSync(join(directory, 'a.calls.jsonl'), `${lineAt(1)}\n\n${lineAt(4)}\n`)
    writeFileSync(join(directory, 'b.calls.jsonl.gz'), gzipSync(`${lineAt(2)}\n${lineAt(3)}`))
    writeFileSync(join(directory, 'b.labels.jsonl'), 'not for us')
    const calls = await readAll(directory)
    assert.deepEqual(
      calls.map(({ call }) => call),
      ['1', '2', '3', '4'],
    )
  })

  it('are refused with the line, when one is no recorded call', async () => {
    const path = join(directory, 'bad.jsonl')
    for (const [bad, why] of [
      ['{', /not JSON/],
      [lineAt(1, { server: 3 }), /server: /],
      [lineAt(1, { time: 'today' }), /time: /],
      [lineAt(1, { argumentsText: '{' }), /argumentsText: /],
    ] as const) {
      writeFileSync(path, `${lineAt(1)}\n${bad}\n`)
      await assert.rejects(readAll(path), { code: 'REQUEST_INVALID', where: `${path}:2`, message: why })
    }
  })

  it('are refused, when there are none or they are damaged', async () => {
    await assert.rejects(readAll(join(directory, 'absent')), { code: 'USAGE', message: /ENOENT/ })
    writeFileSync(join(directory, 'c.jsonl.gz'), gzipSync(lineAt(1)).subarray(0, 20))
    await assert.rejects(readAll(join(directory, 'c.jsonl.gz')), {
      code: 'USAGE',
      where: join(directory, 'c.jsonl.gz'),
    })
  })
})

describe('a line of a recorded call', () => {
  it('comes back as it was written', () => {
    const decided = { decision: 'deny', reason: 'budget', rule: 'r', observed: undefined, final: 'deny' } as const
    const [read] = [parseCallLine(lineAt(5))]
    assert.ok(typeof read === 'object')
    const text = '{"n":9007199254740993}'
    const calls: readonly RecordedCall[] = [
      { ...read, argumentsDigest: 'd', arguments: { state: 'full', value: JSON.parse(text), text }, decided },
      { ...read, arguments: { state: 'redacted' }, status: 'timeout' },
      { ...read, arguments: { state: 'full', value: undefined, text: '' } },
    ]
    for (const call of calls) assert.deepEqual(parseCallLine(formatCallLine(call)), call)
  })

  it('takes the form of recorded sessions: a start, and the seconds since', () => {
    const line = lineAt(1, { time: undefined, start: '2026-01-24T04:57:48', t: 1.5, call: 3, result: 'x', error: null })
    const call = parseCallLine(line)
    assert.ok(typeof call === 'object')
    assert.deepEqual([call.timeMs, call.call, call.decided], [Date.UTC(2026, 0, 24, 4, 57, 49, 500), '3', undefined])
  })
})
