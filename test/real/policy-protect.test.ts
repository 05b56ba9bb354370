// `policy.protect` with the real command line: a policy that was widened waits, also over a restart of its gateway, until an admin
// has accepted it.
import assert from 'node:assert/strict'
import { writeFileSync } from 'node:fs'
import { describe, it } from 'node:test'
import type { CallClient } from '../support/call-client.ts'
import { runCommand } from '../support/command.ts'
import { Pipeline } from '../support/pipeline.ts'

const rule = (id: string, tool: string): string => `  - { id: ${id}, tool: ${tool}, action: allow }\n`
const HEAD = 'version: "1"\nrules:\n'
const NARROW = HEAD + rule('count', 'count')
const WIDE = NARROW + rule('denied', 'denied')

async function started(pipeline: Pipeline): Promise<CallClient> {
  const client = pipeline.startGateway()
  await client.initialize()
  return client
}

async function passes(client: CallClient): Promise<boolean> {
  return (await client.call('denied', '1')).type === 'answered'
}

describe('a protected policy that is widened', () => {
  it('is held, over a restart too, until an admin accepts it; narrowing needs nobody', async (context) => {
    const pipeline = new Pipeline({ config: 'policy: { protect: true }\n' })
    context.after(() => pipeline.remove())
    const run = async (...args: string[]): Promise<string> => {
      const { code, output, errors } = await runCommand(args, pipeline.environment)
      assert.equal(code, 0, errors)
      return output
    }
    writeFileSync(pipeline.policyFile, NARROW)
    const up = await pipeline.startUp()
    const first = await started(pipeline)
    assert.equal(await passes(first), false)
    writeFileSync(pipeline.policyFile, WIDE)
    await pipeline.until(async () => (await run('policy', 'held')).includes('denied: a new rule'))
    assert.equal(await passes(first), false)
    await first.kill('SIGTERM')
    const second = await started(pipeline)
    assert.equal(await passes(second), false)
    const { held } = JSON.parse(await run('policy', 'held', '--json')) as { held: { policy: string }[] }
    await run('policy', 'accept', held[0]?.policy.slice(0, 12) ?? '', '--reason', 'read the diff')
    await pipeline.until(() => passes(second))
    const alerts = await pipeline.get<{ items: { detector: string }[] }>(up, '/v1/alerts?detector=integrity')
    assert.ok(alerts.items.length > 0)
    writeFileSync(pipeline.policyFile, NARROW)
    await pipeline.until(async () => !(await passes(second)))
    await second.end()
    await pipeline.stopUp(up)
    assert.equal((await pipeline.verify()).code, 0)
  })
})
