// Retention as its operator has it: months to keep in toolwarden.yaml, pruned by the running `up`; and by hand.
import assert from 'node:assert/strict'
import { readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { after, before, describe, it } from 'node:test'
import { ageStore } from '../support/age-store.ts'
import type { CommandEnd } from '../support/command.ts'
import { Pipeline } from '../support/pipeline.ts'

const pipeline = new Pipeline()
after(() => pipeline.remove())

function run(...args: readonly string[]): Promise<CommandEnd> {
  return pipeline.start(args).ended
}

async function upWithCalls(work: () => Promise<void> = async () => undefined): Promise<void> {
  const up = await pipeline.startUp()
  const client = pipeline.startGateway()
  await client.initialize()
  for (let number = 0; number < 20; number++) await client.call('count', String(number))
  await client.kill('SIGTERM')
  await work()
  await pipeline.stopUp(up)
}

describe('a ledger with months of retention', () => {
  before(async () => {
    await upWithCalls()
    await ageStore(pipeline)
    await upWithCalls()
    assert.equal((await pipeline.verify()).code, 0)
  })

  it('counts by hand what would go, and refuses months that are not over', async () => {
    await upWithCalls(async () => {
      const month = new Date().toISOString().slice(0, 7)
      const counted = await run('prune', '--before', month, '--dry-run', '--json')
      assert.equal(counted.code, 0, counted.errors)
      assert.ok((JSON.parse(counted.output) as { events: number }).events > 60, counted.output)
      const refused = await run('prune', '--before', '9999-01', '--reason', 'x')
      assert.deepEqual([refused.code, /REQUEST_INVALID/.test(refused.errors)], [3, true])
      assert.equal((await run('prune', '--before', month)).code, 3)
    })
  })

  it('prunes them by itself, says so, and verifies', async () => {
    writeFileSync(pipeline.configFile, 'retention: { months: 1 }\n')
    const up = await pipeline.startUp()
    const pruned = async (): Promise<number> => {
      const { items } = await pipeline.get<{ items: unknown[] }>(up, '/v1/events?type=admin/pruned')
      return items.length
    }
    await pipeline.until(async () => (await pruned()) === 1)
    const left = async (): Promise<number> => {
      const { output } = await run('prune', '--before', new Date().toISOString().slice(0, 7), '--dry-run', '--json')
      return (JSON.parse(output) as { events: number }).events
    }
    await pipeline.until(async () => (await left()) === 0)
    assert.equal((await pipeline.verify()).code, 0)
    await pipeline.stopUp(up)
    const { code, output } = await run('verify', '--json')
    assert.equal(code, 0, output)
    assert.ok((JSON.parse(output) as { counts: { pruned: number } }).counts.pruned > 60)
    await upWithCalls()
    assert.equal((await pipeline.verify()).code, 0)
  })

  it('can be exported as far as it is there, as a part that others verify', async () => {
    const bundle = join(pipeline.directory, 'bundle.jsonl')
    const trust = join(pipeline.directory, 'trust')
    const folder = join(pipeline.data, 'installation')
    writeFileSync(trust, `log ${readFileSync(join(folder, 'log.vkey'), 'utf8').trim()}\nquorum none\n`)
    const writers = ['--writers', join(folder, 'installation.json')]
    const lenient = ['--accept-unwitnessed', '--not-older-than', '1h']
    for (const filter of [[], ['--type', 'authorization/decide']]) {
      const exported = await run('export', '--out', bundle, '--reason', 'x', '--payloads', ...filter)
      assert.equal(exported.code, 0, exported.errors)
      const { output, errors } = await run('verify', bundle, '--trust', trust, ...writers, ...lenient, '--json')
      const { violations, counts } = JSON.parse(output) as {
        violations: { code: string }[]
        counts: { events: number }
      }
      assert.deepEqual(
        violations.map(({ code }) => code),
        ['age-unknown'],
        errors,
      )
      assert.ok(counts.events > 20)
    }
  })
})
