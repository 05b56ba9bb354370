// Bundles end to end: revocations travel in every one and are honoured by its verifier, under its own enrolment keys alone; and
// `toolwarden export` gives the same evidence through a running `up` and, without one, from the store itself.
import assert from 'node:assert/strict'
import { readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { after, before, describe, it } from 'node:test'
import { generateKey, type KeyPair } from '../../events/keys.ts'
import { Trust } from '../../events/trust.ts'
import { BundleBench, codesOf } from '../support/bundle-bench.ts'
import { runCommand } from '../support/command.ts'
import { asStored, storeRecords } from '../support/ledger-harness.ts'
import { Pipeline } from '../support/pipeline.ts'
import { buildRevokingRun } from '../support/revoking-run.ts'

const text = ({ publicKey }: KeyPair): string => publicKey.toString('base64url')

describe('the bundle of a ledger whose owner went on with a revoked key', () => {
  const enrolment = generateKey()
  let ledger: BundleBench
  let chains: readonly string[]
  before(async () => {
    ledger = await BundleBench.open([])
    const { bench } = ledger
    const { api, gateway } = bench.keys
    const before = await bench.storeRun(2)
    await storeRecords(bench.store, bench.keys, [asStored(buildRevokingRun({ api, gateway, enrolment }).records)])
    chains = [before.chain, (await bench.storeRun(2)).chain]
    await ledger.sequence()
  })
  after(() => ledger.bench.close())

  /** The writers of a verifier who knows one enrolment key. */
  function writers(key: KeyPair): Trust {
    const { trust: _, ...keys } = ledger.bench.keys
    const entries = Object.entries(keys).map(([role, each]) => ({ writer: `${role}/*`, key: text(each) }))
    return new Trust(entries, { enrolment: [text(key)] })
  }

  it('shows what the key signed after its revocation, and nothing of before', async () => {
    const report = await ledger.verify(await ledger.export(), { writers: writers(enrolment) })
    assert.deepEqual([report.verdict, codesOf(report)], ['tampered', ['key-revoked']])
    assert.deepEqual([...new Set(report.violations.map(({ chain }) => chain))], [chains[1]])
  })

  for (const [session, expected] of [
    ['session-1', []],
    ['session-2', ['key-revoked']],
  ] as const)
    it(`carries the revocation where ${session} alone was asked for`, async () => {
      const lines = await ledger.export({ filter: { session } })
      assert.ok(lines.some((line) => line.includes('"type":"key/revoked"')))
      assert.deepEqual(codesOf(await ledger.verify(lines, { writers: writers(enrolment) })), expected)
    })

  it('is not believed where it was revoked by somebody whom its verifier does not know', async () => {
    const report = await ledger.verify(await ledger.export(), { writers: writers(generateKey()) })
    assert.deepEqual([report.verdict, codesOf(report)], ['valid', []])
  })
})

describe('toolwarden export', () => {
  const pipeline = new Pipeline()
  const policy = join(pipeline.directory, 'trust.policy')
  const writers = join(pipeline.data, 'installation', 'installation.json')
  const [live, direct] = ['live', 'direct'].map((name) => join(pipeline.directory, `${name}.jsonl`)) as [string, string]
  before(async () => {
    const up = await pipeline.startUp()
    const client = pipeline.startGateway()
    await client.initialize()
    for (const number of ['1', '2', '3']) await client.call('count', number)
    await client.end()
    await pipeline.until(async () => (await leavesOf(live)) > 12)
    await pipeline.stopUp(up)
    writeFileSync(
      policy,
      `log ${readFileSync(join(pipeline.data, 'installation', 'log.vkey'), 'utf8').trim()}\nquorum none\n`,
    )
  })
  after(() => pipeline.remove())

  async function leavesOf(out: string): Promise<number> {
    const { code, output } = await runCommand(['export', '--out', out, '--payloads', '--json'], pipeline.environment)
    return code === 0 ? (JSON.parse(output) as { leaves: number }).leaves : 0
  }

  it('reads the store itself where no `up` runs; both bundles are valid and begin alike', async () => {
    assert.ok((await leavesOf(direct)) > 12)
    for (const bundle of [live, direct]) {
      const flags = ['--trust', policy, '--writers', writers, '--accept-unwitnessed', '--json']
      const { code, output, errors } = await runCommand(['verify', bundle, ...flags], pipeline.environment)
      assert.equal(code, 0, output + errors)
    }
    const bodies = [live, direct].map((path) => eventsOf(path))
    assert.deepEqual(bodies[1]?.slice(0, bodies[0]?.length), bodies[0])
  })

  it('leaves a record of the direct export, which the next `up` stores', async () => {
    const up = await pipeline.startUp()
    await pipeline.until(async () => {
      const { items } = await pipeline.get<{ items: readonly unknown[] }>(up, '/v1/events?type=admin/exported')
      return items.length >= 2
    })
    await pipeline.stopUp(up)
    assert.equal((await pipeline.verify()).code, 0)
  })
})

function eventsOf(path: string): readonly string[] {
  const lines = readFileSync(path, 'utf8').trimEnd().split('\n')
  return lines.filter((line) => line.includes('"body":'))
}
