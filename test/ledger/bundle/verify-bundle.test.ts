// Bundles as their receiver meets them: honest ones are valid and say what they show; what is missing is never "valid".
import assert from 'node:assert/strict'
import { after, before, describe, it } from 'node:test'
import { generateKey } from '../../../events/keys.ts'
import { Trust } from '../../../events/trust.ts'
import { formatVerifierKey, verifierKey } from '../../../ledger/note.ts'
import { parseTrustPolicy } from '../../../ledger/trust-policy.ts'
import { BundleBench, codesOf } from '../../support/bundle-bench.ts'

let ledger: BundleBench
let whole: readonly string[]
before(async () => {
  ledger = await BundleBench.open([4, 3])
  whole = await ledger.export()
})
after(() => ledger.bench.close())

const policyOf = (text: string): ReturnType<typeof parseTrustPolicy> => parseTrustPolicy(Buffer.from(text), 'policy')

describe('a bundle of everything', () => {
  it('is valid, witnessed and whole', async () => {
    const report = await ledger.verify(whole)
    assert.deepEqual([report.verdict, report.trust.class, report.isWhole, codesOf(report)], ['valid', 'A', true, []])
    const size = (await ledger.bench.reader.checkpoint())?.size ?? 0
    assert.deepEqual([report.counts.leaves, report.counts.events, report.counts.withheld], [size, size, 0])
    assert.ok(report.counts.payloads > 0 && report.counts.appends > 0)
  })

  it('is valid without its payloads, too', async () => {
    const report = await ledger.verify(await ledger.export({ payloads: false }))
    assert.deepEqual([report.verdict, report.counts.payloads], ['valid', 0])
  })

  it('is a line of JSON for each event', () => {
    const events = whole
      .map((line) => JSON.parse(line) as { body?: { type: string } })
      .flatMap(({ body }) => body ?? [])
    assert.equal(events.filter(({ type }) => type === 'authorization/propose').length, 7)
  })
})

describe('a bundle of a part', () => {
  it('is valid, shows what was asked for, and says that it is not whole', async () => {
    const [call = ''] = whole.flatMap((line) => /"call":"([^"]+)"/.exec(line)?.[1] ?? [])
    const report = await ledger.verify(await ledger.export({ filter: { call } }))
    assert.deepEqual([report.verdict, report.isWhole, report.counts.events], ['valid', false, 3])
  })

  it('shows withheld events of its chains as bare hashes', async () => {
    const report = await ledger.verify(await ledger.export({ filter: { type: 'authorization/receipt' } }))
    assert.equal(report.verdict, 'valid', JSON.stringify(report.violations))
    assert.ok(report.counts.events >= 7 && report.counts.withheld > 0)
  })

  it('is never valid where nothing matched', async () => {
    const report = await ledger.verify(
      await ledger.export({ filter: { call: '00000000-0000-7000-8000-000000000000' } }),
    )
    assert.deepEqual([report.verdict, codesOf(report)], ['incomplete', ['bundle-empty']])
  })

  it('proves a kept checkpoint where it was exported for it, and says so where not', async () => {
    const kept = [{ name: 'mine', note: (await ledger.bench.reader.checkpoint())?.note ?? '' }]
    await ledger.bench.storeRun(3)
    await ledger.sequence()
    const filter = { from: '2030-01-01T00:00:00.000000Z', to: '2031-01-01T00:00:00.000000Z' }
    const size = Number(kept[0]?.note.split('\n')[1])
    assert.deepEqual(codesOf(await ledger.verify(await ledger.export({ filter }), { kept })), [
      'bundle-empty',
      'checkpoint-unproven',
    ])
    const report = await ledger.verify(await ledger.export({ filter, keptSizes: [size] }), { kept })
    assert.deepEqual(codesOf(report), ['bundle-empty'])
  })
})

describe('a verifier of bundles', () => {
  it('says what is missing, when nobody is trusted enough', async () => {
    const log = ledger.policy.split('\n')[0]
    const unwitnessed = policyOf(`${log}\nquorum none\n`)
    const cases: readonly [object, string, readonly string[]][] = [
      [{ writers: undefined }, 'incomplete', ['writers-unknown']],
      [{ maxAgeSeconds: 5 }, 'incomplete', ['checkpoint-stale']],
      [{ policy: unwitnessed }, 'incomplete', ['age-unknown', 'unwitnessed']],
      [{ writers: new Trust([]) }, 'tampered', ['key-untrusted']],
      [{ policy: policyOf('quorum none\n') }, 'tampered', ['checkpoint-invalid']],
    ]
    for (const [more, verdict, codes] of cases) {
      const report = await ledger.verify(whole, more)
      assert.deepEqual([report.verdict, codesOf(report)], [verdict, codes])
    }
  })

  it('takes no key from a bundle: another log key of the same name is refused', async () => {
    const stranger = verifierKey((await ledger.bench.logKey()).name, generateKey().publicKey)
    const report = await ledger.verify(whole, { policy: policyOf(`log ${formatVerifierKey(stranger)}\nquorum none\n`) })
    assert.deepEqual(
      [report.verdict, report.trust.class, codesOf(report)],
      ['tampered', undefined, ['checkpoint-invalid']],
    )
  })
})
