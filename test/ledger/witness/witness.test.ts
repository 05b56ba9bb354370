// A witness by its specification (https://c2sp.org/tlog-witness): what it cosigns, every refusal with its status, and a table
// of failing writes, after which it never has cosigned two trees of one size.
import assert from 'node:assert/strict'
import { chmodSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, it } from 'node:test'
import fc from 'fast-check'
import { generateKey } from '../../../events/keys.ts'
import { parseCheckpoint, signCheckpoint, verifyCheckpoint } from '../../../ledger/checkpoint.ts'
import { consistencyRanges, EMPTY_ROOT, hashNode, rootOf } from '../../../ledger/merkle.ts'
import { formatVerifierKey, parseNote, signNote, verifierKey } from '../../../ledger/note.ts'
import { formatAddCheckpoint } from '../../../ledger/witness/add-checkpoint.ts'
import { Witness, type WitnessAnswer } from '../../../ledger/witness/witness.ts'
import { originHash, type WitnessFault, WitnessFiles } from '../../../ledger/witness/witness-files.ts'
import { createWitnessKey, openWitnessKey } from '../../../ledger/witness/witness-key.ts'
import { serveWitness } from '../../../ledger/witness/witness-server.ts'
import { temporaryDirectory } from '../../support/ledger-harness.ts'

const ORIGIN = 'example.com/log'
const log = generateKey()
const logKey = verifierKey(ORIGIN, log.publicKey)
let place: ReturnType<typeof temporaryDirectory>
let nowSeconds = 1_000

beforeEach(async () => {
  place = temporaryDirectory()
  nowSeconds = 1_000
  await new WitnessFiles(place.path).create()
  await createWitnessKey(place.path, 'witness.example/w1')
  await new WitnessFiles(place.path).addLog(formatVerifierKey(logKey))
})
afterEach(() => place.remove())

async function openWitness(fault?: WitnessFault): Promise<Witness> {
  const files = new WitnessFiles(place.path, fault)
  const [key, logKeys] = [await openWitnessKey(place.path), await files.logKeys()]
  return new Witness({ files, key, logKeys, nowSeconds: () => nowSeconds })
}

/** The leaves of one history: another one differs in its first leaf. */
function leavesOf(size: number, history = 'a'): Buffer[] {
  return Array.from({ length: size }, (_, at) =>
    hashNode(Buffer.from(at === 0 ? history : 'leaf'), Buffer.from(`${at}`)),
  )
}

function noteOf(size: number, history?: string): string {
  return signCheckpoint({ origin: ORIGIN, size, root: rootOf(leavesOf(size, history)) }, log)
}

function requestOf(from: number, to: number, history?: string): string {
  const leaves = leavesOf(to, history)
  const ranges = from === 0 ? [] : consistencyRanges(from, to)
  return formatAddCheckpoint(
    from,
    ranges.map(({ start, end }) => rootOf(leaves.slice(start, end))),
    noteOf(to, history),
  )
}

function statusOf(answer: WitnessAnswer): number {
  return 'cosignature' in answer ? 200 : answer.status
}

describe('a witness', () => {
  it('cosigns what extends what it saw, and says when', async () => {
    const witness = await openWitness()
    const { verifier } = await openWitnessKey(place.path)
    for (const [from, to] of [
      [0, 3],
      [3, 3],
      [3, 10],
      [10, 4_000],
    ] as const) {
      const answer = await witness.addCheckpoint(requestOf(from, to))
      assert.ok('cosignature' in answer, JSON.stringify(answer))
      const { signatures } = verifyCheckpoint(noteOf(to) + answer.cosignature, logKey, [verifier])
      assert.deepEqual(signatures[1], { key: verifier, timestampSeconds: 1_000 })
    }
  })

  const refusals: readonly (readonly [string, number, () => string])[] = [
    ['a stale old size', 409, () => requestOf(4, 12)],
    ['an old size that it has not seen', 409, () => requestOf(11, 12)],
    ['a first contact when it saw the log before', 409, () => requestOf(0, 12)],
    ['a shrunken tree', 409, () => requestOf(3, 4)],
    ['an old size beyond the checkpoint', 400, () => formatAddCheckpoint(10, [], noteOf(9))],
    ['another root at the size that it saw', 422, () => requestOf(10, 10, 'b')],
    ['another history', 422, () => requestOf(10, 12, 'b')],
    ['no proof', 422, () => formatAddCheckpoint(10, [], noteOf(12))],
    [
      'a proof that is too long',
      422,
      () =>
        formatAddCheckpoint(
          10,
          [...Array(63)].map(() => EMPTY_ROOT),
          noteOf(12),
        ),
    ],
    [
      'more hashes than a proof can have',
      400,
      () =>
        formatAddCheckpoint(
          10,
          [...Array(64)].map(() => EMPTY_ROOT),
          noteOf(12),
        ),
    ],
    [
      'a log that it does not serve',
      404,
      () => formatAddCheckpoint(10, [], signCheckpoint({ origin: 'other', size: 12, root: EMPTY_ROOT }, log)),
    ],
    [
      'a log key that it does not know',
      403,
      () => formatAddCheckpoint(10, [], signCheckpoint({ origin: ORIGIN, size: 12, root: EMPTY_ROOT }, generateKey())),
    ],
    ['a signature that does not hold', 403, () => requestOf(10, 12).replace('\n12\n', '\n13\n')],
    ['no request at all', 400, () => 'x'],
    ['an old size with a leading zero', 400, () => requestOf(10, 12).replace('old 10', 'old 010')],
    ['a hash that is none', 400, () => requestOf(10, 12).replace('\n', '\nAAAA\n')],
  ]
  for (const [what, status, body] of refusals) {
    it(`answers ${status} to ${what}, and goes on from what it saw`, async () => {
      const witness = await openWitness()
      await witness.addCheckpoint(requestOf(0, 10))
      const answer = await witness.addCheckpoint(body())
      assert.equal(statusOf(answer), status, JSON.stringify(answer))
      assert.equal(statusOf(await witness.addCheckpoint(requestOf(10, 12))), 200)
    })
  }

  it('asks for no proof from nothing, and refuses one; and only the empty root for no leaves', async () => {
    const witness = await openWitness()
    const wrong = signCheckpoint({ origin: ORIGIN, size: 0, root: rootOf(leavesOf(1)) }, log)
    assert.equal(statusOf(await witness.addCheckpoint(formatAddCheckpoint(0, [], wrong))), 422)
    assert.equal(statusOf(await witness.addCheckpoint(formatAddCheckpoint(0, [EMPTY_ROOT], noteOf(5)))), 422)
    for (const [from, to] of [
      [0, 0],
      [0, 5],
    ] as const)
      assert.equal(statusOf(await witness.addCheckpoint(requestOf(from, to))), 200)
  })

  it('cosigns extension lines of other logs as they are', async () => {
    const text = `${ORIGIN}\n2\n${rootOf(leavesOf(2)).toString('base64')}\nan extension\n`
    const note = signNote(text, ORIGIN, log)
    const answer = await (await openWitness()).addCheckpoint(formatAddCheckpoint(0, [], note))
    assert.ok('cosignature' in answer)
    assert.equal(parseNote(note + answer.cosignature).text, text)
  })

  it('remembers over a restart, and never signs an earlier time after a later one', async () => {
    await (await openWitness()).addCheckpoint(requestOf(0, 10))
    nowSeconds = 500
    const again = await openWitness()
    assert.equal(statusOf(await again.addCheckpoint(requestOf(0, 5))), 409)
    assert.equal(statusOf(await again.addCheckpoint(requestOf(10, 11))), 200)
    const note = (await again.findCheckpoint(originHash(ORIGIN), originHash)) ?? ''
    const { verifier } = await openWitnessKey(place.path)
    assert.equal(verifyCheckpoint(note, logKey, [verifier]).signatures[1]?.timestampSeconds, 1_000)
  })

  it('does not go on from a memory that somebody changed, or that is gone', async () => {
    await (await openWitness()).addCheckpoint(requestOf(0, 10))
    const file = join(place.path, 'logs', originHash(ORIGIN))
    writeFileSync(file, readFileSync(file, 'utf8').replace('\n10\n', '\n9\n'))
    const body = requestOf(9, 12)
    await assert.rejects((await openWitness()).addCheckpoint(body), { code: 'CHECKPOINT_INVALID' })
    await assert.rejects(new WitnessFiles(join(place.path, 'none')).expectState(), { code: 'KEY_MISSING' })
    await assert.rejects(new WitnessFiles(place.path).create(), { code: 'CONFIG_INVALID' })
  })

  it('refuses a key that others can read', async () => {
    chmodSync(join(place.path, 'witness.key'), 0o640)
    await assert.rejects(openWitnessKey(place.path), { code: 'KEY_INVALID', fix: /chmod 600/ })
  })

  it('cosigns one of many that come at once from one size', async () => {
    const witness = await openWitness()
    await witness.addCheckpoint(requestOf(0, 10))
    const bodies = ['a', 'b', 'c', 'd'].flatMap((history) => [11, 12, 13].map((to) => requestOf(10, to, history)))
    const answers = (await Promise.all(bodies.map((body) => witness.addCheckpoint(body)))).map(statusOf)
    assert.equal(answers.filter((status) => status === 200).length, 1)
  })

  it('has a limit for how many wait', async () => {
    const witness = await openWitness()
    const answers = await Promise.all(Array.from({ length: 40 }, () => witness.addCheckpoint(requestOf(0, 5))))
    assert.equal(answers.filter((answer) => statusOf(answer) === 429).length, 8)
  })
})

describe('a write of a witness that fails', () => {
  const failures = ['failed', 'failed but persisted', 'crashed after'] as const
  for (const failure of failures) {
    for (const next of ['the same', 'a larger tree', 'another history'] as const) {
      it(`${failure}, then ${next}: no size is cosigned with two roots`, async () => {
        const cosigned = new Map<number, string>()
        let isBroken = false
        const fault: WitnessFault = (when) => {
          if (isBroken && when === (failure === 'failed' ? 'before' : 'after')) throw new Error('injected')
        }
        let witness = await openWitness(fault)
        await ask(witness, requestOf(0, 10), cosigned)
        isBroken = true
        await assert.rejects(ask(witness, requestOf(10, 20), cosigned), /injected/)
        isBroken = false
        if (failure === 'crashed after') witness = await openWitness()
        const history = next === 'another history' ? 'b' : 'a'
        const size = next === 'a larger tree' ? 30 : 20
        // As a log does: it asks with what it knows, and again with what a 409 tells it.
        for (const from of [10, 20]) await ask(witness, requestOf(from, size, history), cosigned)
        assert.deepEqual([...cosigned.keys()], history === 'a' ? [10, size] : [10])
        await ask(witness, requestOf(20, 40), cosigned)
        await ask(witness, requestOf(size, 40), cosigned)
      })
    }
  }

  it('whatever comes in whatever order: no size is ever cosigned with two roots', async () => {
    const cosigned = new Map<number, string>()
    let [fails, known] = ['no', 0]
    const witness = await openWitness((when) => {
      if (when === fails) throw new Error('injected')
    })
    const step = fc.record({
      back: fc.constantFrom(0, 0, 1, 3),
      more: fc.nat(4),
      history: fc.constantFrom('a', 'a', 'b'),
      fault: fc.constantFrom('no', 'no', 'before', 'after'),
    })
    await fc.assert(
      fc.asyncProperty(step, async ({ back, more, history, fault }) => {
        fails = fault
        const from = Math.max(0, known - back)
        try {
          known = (await ask(witness, requestOf(from, from + more, history), cosigned)) ?? known
        } catch (error) {
          assert.equal((error as Error).message, 'injected')
        }
      }),
      { numRuns: 200, seed: 6 },
    )
    assert.ok(cosigned.size > 10, `${cosigned.size}`)
  })
})

/** Asks, and holds every cosignature against all before; gives the size that the witness then says it saw. */
async function ask(witness: Witness, body: string, cosigned: Map<number, string>): Promise<number | undefined> {
  const answer = await witness.addCheckpoint(body)
  if (!('cosignature' in answer)) return 'seen' in answer ? answer.seen : undefined
  const { size, root } = parseCheckpoint(parseNote(body.slice(body.indexOf('\n\n') + 2)).text)
  assert.equal(cosigned.get(size) ?? root.toString('hex'), root.toString('hex'))
  cosigned.set(size, root.toString('hex'))
  return size
}

describe('a witness over HTTP', () => {
  it('answers as its specification says', async () => {
    const running = await serveWitness(await openWitness(), { host: '127.0.0.1', port: 0 }, assert.ifError)
    const post = (body: string): Promise<Response> => fetch(`${running.url}/add-checkpoint`, { method: 'POST', body })
    const added = await post(requestOf(0, 10))
    assert.deepEqual([added.status, (await added.text()).startsWith('— witness.example/w1 ')], [200, true])
    const stale = await post(requestOf(4, 12))
    assert.deepEqual(
      [stale.status, stale.headers.get('content-type'), await stale.text()],
      [409, 'text/x.tlog.size', '10\n'],
    )
    const kept = await fetch(`${running.url}/${originHash(ORIGIN)}/checkpoint`)
    assert.ok((await kept.text()).startsWith(`${noteOf(10)}— witness.example/w1 `))
    assert.equal((await fetch(`${running.url}/${originHash('other')}/checkpoint`)).status, 404)
    assert.equal((await fetch(`${running.url}/add-checkpoint`)).status, 405)
    assert.equal((await post('x'.repeat(200_000))).status, 413)
    await running.stop()
  })
})
