// What stands behind a log under somebody's own policy: the class that it reaches, and every way to fall short of it.
import assert from 'node:assert/strict'
import { rmSync, writeFileSync } from 'node:fs'
import { cp } from 'node:fs/promises'
import { join } from 'node:path'
import { after, before, describe, it } from 'node:test'
import { generateKey } from '../../events/keys.ts'
import { cosignatureLine, formatVerifierKey, parseNote, verifierKey } from '../../ledger/note.ts'
import { parseTrustPolicy } from '../../ledger/trust-policy.ts'
import { type TrustCheck, type TrustResult, verifyTrust } from '../../ledger/verify-trust.ts'
import { createWitnessKey, type WitnessKey } from '../../ledger/witness/witness-key.ts'
import { temporaryDirectory } from '../support/ledger-harness.ts'
import { TestTree } from '../support/test-tree.ts'

const NOW = 10_000
let place: ReturnType<typeof temporaryDirectory>
let tree: TestTree
let witness: WitnessKey
let kept: string
let logs = ''
let quorum = ''

/** A log of 600 leaves: a checkpoint of 300 was kept, one of 500 has its quorum, the published one has none yet. */
before(async () => {
  place = temporaryDirectory()
  tree = new TestTree(place.path)
  witness = await createWitnessKey(join(place.path, 'w1'), 'witness.example/w1')
  kept = await tree.grow(300)
  await tree.files.publishCosigned(cosign(await tree.grow(200), NOW - 100), true)
  await tree.grow(100)
  logs = `log ${tree.vkey}\n`
  quorum = `witness w1 ${formatVerifierKey(witness.verifier)}\nquorum w1\n`
})
after(() => place.remove())

function cosign(note: string, timestampSeconds: number): string {
  const { name, pair } = witness
  return note + cosignatureLine(parseNote(note).text, { name, key: pair, timestampSeconds })
}

async function verify(policy: string, more: Partial<TrustCheck> = {}): Promise<TrustResult> {
  return await verifyTrust({
    directory: tree.directory,
    policy: parseTrustPolicy(Buffer.from(policy), 'policy'),
    kept: [],
    nowSeconds: NOW,
    acceptsUnknownAge: false,
    acceptsUnwitnessed: false,
    ...more,
  })
}

function codesOf({ violations }: TrustResult): readonly string[] {
  return violations.map(({ code }) => code)
}

/** What was kept, as a verifier names it. */
function keptAs(note: string): Pick<TrustCheck, 'kept'> {
  return { kept: [{ name: 'mine', note }] }
}

describe('a log under a trust policy', () => {
  it('is of class A as far as its witnesses cosigned', async () => {
    const result = await verify(logs + quorum, { maxAgeSeconds: 100 })
    assert.deepEqual([result.class, result.coveredSize, result.size, codesOf(result)], ['A', 500, 600, []])
    assert.deepEqual(result.cosigned, [{ name: 'w1', timestampSeconds: NOW - 100 }])
  })

  it('is of class B, when nobody witnessed it but a kept checkpoint stands in it', async () => {
    const result = await verify(`${logs}quorum none\n`, { ...keptAs(kept), acceptsUnknownAge: true })
    assert.deepEqual([result.class, result.coveredSize, codesOf(result)], ['B', 300, []])
  })

  it('is of class C, when only its owner stands behind it, which has to be accepted', async () => {
    const none = `${logs}quorum none\n`
    const result = await verify(none)
    assert.deepEqual([result.class, codesOf(result)], ['C', ['age-unknown', 'unwitnessed']])
    assert.deepEqual(codesOf(await verify(none, { acceptsUnknownAge: true, acceptsUnwitnessed: true })), [])
  })

  it('falls short without the quorum, with an unknown age, and when it is too old', async () => {
    const asked = { maxAgeSeconds: 100 }
    const other = await createWitnessKey(join(place.path, 'w2'), 'witness.example/w2')
    const unmet = await verify(`${logs}witness w2 ${formatVerifierKey(other.verifier)}\nquorum w2\n`, asked)
    assert.deepEqual(codesOf(unmet), ['quorum-unmet', 'age-unknown', 'unwitnessed'])
    assert.deepEqual(codesOf(await verify(logs + quorum)), ['age-unknown'])
    assert.deepEqual(codesOf(await verify(logs + quorum, { maxAgeSeconds: 99 })), ['checkpoint-stale'])
  })

  it('has no class, when the policy has another key for it, or none', async () => {
    const stranger = verifierKey(tree.key.name, generateKey().publicKey)
    for (const policy of [`log ${formatVerifierKey(stranger)}\nquorum none\n`, 'quorum none\n']) {
      const result = await verify(policy)
      assert.deepEqual([result.class, codesOf(result)], [undefined, ['checkpoint-invalid']])
    }
  })
})

describe('a log that is not what was signed', () => {
  it('is found, when it was cut below a kept checkpoint or another was put in its place', async () => {
    const other = new TestTree(join(place.path, 'other'))
    const rewritten = await other.grow(300, 'b')
    const larger = await other.grow(900, 'b')
    for (const note of [rewritten, larger]) {
      const result = await verify(logs + quorum, { ...keptAs(note), maxAgeSeconds: 100 })
      assert.deepEqual(codesOf(result), ['checkpoint-conflict'])
    }
  })

  it('is found, when it was rolled back to before what witnesses cosigned', async () => {
    const older = join(place.path, 'older')
    await cp(tree.directory, older, { recursive: true })
    writeFileSync(join(older, 'checkpoint'), kept)
    const result = await verify(logs + quorum, { directory: older, maxAgeSeconds: 100 })
    assert.deepEqual(codesOf(result), ['checkpoint-conflict', 'quorum-unmet', 'age-unknown', 'unwitnessed'])
    rmSync(join(older, 'checkpoint.witnessed'))
    assert.ok(codesOf(await verify(logs + quorum, { directory: older })).includes('quorum-unmet'))
    assert.deepEqual(codesOf(await verify(logs + quorum, { directory: join(place.path, 'none') })), ['tree-missing'])
  })

  it('is found, when a cosignature is of another tree', async () => {
    const forged = join(place.path, 'forged')
    await cp(tree.directory, forged, { recursive: true })
    const stolen = cosign(kept, NOW).slice(kept.length)
    const { note = '' } = (await tree.reader.checkpoint()) ?? {}
    writeFileSync(join(forged, 'checkpoint'), note + stolen)
    assert.deepEqual(codesOf(await verify(logs + quorum, { directory: forged })), ['checkpoint-invalid'])
  })
})
