// Cosignatures reach the published checkpoint from real witnesses over HTTP; what a witness does wrong, or does not do, is
// told and holds nothing up.
import assert from 'node:assert/strict'
import { createServer, type Server } from 'node:http'
import type { AddressInfo } from 'node:net'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, it } from 'node:test'
import { parseCheckpoint, verifyCheckpoint } from '../../../ledger/checkpoint.ts'
import { parseNote } from '../../../ledger/note.ts'
import { ledgerSettings } from '../../../ledger/settings.ts'
import { Cosigning, type CosigningOptions } from '../../../ledger/witness/cosigning.ts'
import { temporaryDirectory } from '../../support/ledger-harness.ts'
import { TestTree } from '../../support/test-tree.ts'
import { startTestWitness, type TestWitness } from '../../support/test-witness.ts'
import { until } from '../../support/until.ts'

let place: ReturnType<typeof temporaryDirectory>
let tree: TestTree
let first: TestWitness
let second: TestWitness
let nowMs = 0
const closing: (() => Promise<unknown>)[] = []

beforeEach(async () => {
  place = temporaryDirectory()
  tree = new TestTree(place.path)
  nowMs = 0
  const logs = [tree.vkey]
  first = await startTestWitness(join(place.path, 'w1'), 'witness.example/w1', { logs })
  second = await startTestWitness(join(place.path, 'w2'), 'witness.example/w2', { logs })
  closing.push(first.running.stop, second.running.stop)
})
afterEach(async () => {
  for (const close of closing.splice(0)) await close()
  place.remove()
})

function cosigningOf(
  witnesses: readonly { readonly url: string; readonly vkeyText: string }[],
  more: { readonly quorum?: number } & Partial<CosigningOptions> = {},
): Cosigning {
  const { quorum, ...rest } = more
  const settings = ledgerSettings.parse({
    witnesses: witnesses.map(({ url, vkeyText }) => ({ url, vkey: vkeyText })),
    ...(quorum === undefined ? {} : { quorum }),
  })
  const publish = (note: string, isQuorum: boolean): Promise<void> => tree.files.publishCosigned(note, isQuorum)
  return new Cosigning({ settings, reader: tree.reader, publish, nowMs: () => nowMs, deadlineMs: 2_000, ...rest })
}

async function roundFor(cosigning: Cosigning, note: string): Promise<Cosigning['status']> {
  cosigning.offer(note)
  await cosigning.round()
  return cosigning.status
}

/** Who cosigned what is published. */
async function cosigners(): Promise<readonly string[]> {
  const { note = '' } = (await tree.reader.checkpoint()) ?? {}
  const { signatures } = verifyCheckpoint(note, tree.key, [first.vkey, second.vkey])
  return signatures.map(({ key }) => key.name).slice(1)
}

/** Something else than a witness, at its address. */
async function serve(status: number, answer: string): Promise<string> {
  const server: Server = createServer((request, response) => {
    request.resume().on('end', () => response.writeHead(status).end(answer))
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  closing.push(() => new Promise((resolve) => server.close(resolve).closeAllConnections()))
  return `http://127.0.0.1:${(server.address() as AddressInfo).port}`
}

describe('cosigning', () => {
  it('puts every cosignature to the published checkpoint, as the log grows', async () => {
    const cosigning = cosigningOf([first, second])
    for (const count of [3, 0, 1, 600]) {
      const { problem, size } = await roundFor(cosigning, await tree.grow(count))
      assert.deepEqual([problem, await cosigners()], [undefined, [first.name, second.name]])
      assert.equal((await tree.reader.witnessed())?.size, size)
    }
  })

  it('goes on after a restart from what the witness says that it saw', async () => {
    await roundFor(cosigningOf([first]), await tree.grow(5))
    const { problem, size } = await roundFor(cosigningOf([first]), await tree.grow(5))
    assert.deepEqual([problem, size], [undefined, 10])
  })

  it('says what is missing, and keeps the last checkpoint that has its quorum', async () => {
    const cosigning = cosigningOf([first, second])
    await roundFor(cosigning, await tree.grow(5))
    await second.running.stop()
    const { problem } = await roundFor(cosigning, await tree.grow(5))
    assert.match(problem ?? '', /^1 of 2 witnesses .*w2: no answer/)
    assert.deepEqual(await cosigners(), [first.name])
    assert.equal((await tree.reader.witnessed())?.size, 5)
  })

  it('is content with a quorum', async () => {
    await second.running.stop()
    const { problem, size, witnesses } = await roundFor(cosigningOf([first, second], { quorum: 1 }), await tree.grow(5))
    assert.deepEqual([problem, size], [undefined, 5])
    assert.match(witnesses[1]?.problem ?? '', /no answer/)
  })

  it('leaves a witness alone for longer after each failure', async () => {
    let asked = 0
    const post = async (): Promise<never> => {
      asked++
      throw new Error('away')
    }
    const cosigning = cosigningOf([first], { post })
    const note = await tree.grow(5)
    for (const atMs of [0, 999, 1_000, 2_999, 3_000, 6_999, 7_000]) {
      nowMs = atMs
      await roundFor(cosigning, note)
    }
    assert.equal(asked, 4)
  })

  it('tells of a log that was cut, and of one with another history, even beside a quorum', async () => {
    await roundFor(cosigningOf([first, second]), await tree.grow(10))
    const cut = new TestTree(join(place.path, 'other'))
    const publish = (note: string, isQuorum: boolean): Promise<void> => cut.files.publishCosigned(note, isQuorum)
    const cosigning = cosigningOf([first], { reader: cut.reader, publish })
    const shorter = await roundFor(cosigning, await cut.grow(5, 'b'))
    assert.match(shorter.problem ?? '', /saw 10 leaves, this log has 5/)
    nowMs = 10_000
    const other = await roundFor(cosigning, await cut.grow(20, 'b'))
    assert.match(other.problem ?? '', /another history than this one at 10 leaves/)
    assert.equal(other.witnesses[0]?.isConflict, true)
  })

  it('does not put cosignatures to another checkpoint that was published meanwhile', async () => {
    const older = await tree.grow(5)
    const newer = await tree.grow(5)
    await roundFor(cosigningOf([first]), older)
    assert.equal((await tree.reader.checkpoint())?.note, newer)
    assert.equal((await tree.reader.witnessed())?.size, 5)
  })

  for (const [what, status, text, problem] of [
    ['nothing', 200, '', /no cosignature/],
    ['what is no signature', 200, '— x y z\n', /no cosignature/],
    ['a text of its own', 200, 'more\n\n— witness.example/w1 AAAA\n', /no cosignature/],
    ['a size that is none', 409, '-1\n', /answered 409/],
    ['one size after the other', 409, '2\n', /another size each time/],
    ['more than is read', 200, 'x'.repeat(100_000), /no answer: an answer of more/],
    ['another status', 503, '\u001b[2Jaway\n', /answered 503: \?\[2Jaway/],
  ] as const) {
    it(`takes no cosignature from one that answers ${what}`, async () => {
      const url = await serve(status, text)
      const note = await tree.grow(5)
      const found = await roundFor(cosigningOf([{ url, vkeyText: first.vkeyText }]), note)
      assert.match(found.problem ?? '', problem)
      assert.equal((await tree.reader.checkpoint())?.note, note)
    })
  }

  it('takes no cosignature that another witness made', async () => {
    const cosigning = cosigningOf([{ url: second.url, vkeyText: first.vkeyText }])
    assert.match((await roundFor(cosigning, await tree.grow(5))).problem ?? '', /no cosignature/)
  })

  it('gives up on one that does not answer in time', async () => {
    const server = createServer(() => undefined)
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
    closing.push(() => new Promise((resolve) => server.close(resolve).closeAllConnections()))
    const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`
    const cosigning = cosigningOf([{ url, vkeyText: first.vkeyText }], { deadlineMs: 50 })
    assert.match((await roundFor(cosigning, await tree.grow(5))).problem ?? '', /no answer: .*(time|abort)/i)
  })

  it('runs by itself, refreshes an idle log, and tells when a problem begins and ends', async () => {
    const told: (string | undefined)[] = []
    let times = 0
    const publish = async (note: string, isQuorum: boolean): Promise<void> => {
      times++
      await tree.files.publishCosigned(note, isQuorum)
    }
    const options = { roundMs: 5, refreshMs: 20, nowMs: () => performance.now(), publish }
    const cosigning = cosigningOf([first], { ...options, onChange: ({ problem }) => told.push(problem) })
    cosigning.start()
    closing.push(() => cosigning.stop())
    cosigning.offer(await tree.grow(5))
    await until(() => times > 2)
    await first.running.stop()
    await until(() => told.length === 1)
    assert.match(told[0] ?? '', /^0 of 1 .*no answer/)
    assert.equal(parseCheckpoint(parseNote((await tree.reader.witnessed())?.note ?? '').text).size, 5)
  })
})
