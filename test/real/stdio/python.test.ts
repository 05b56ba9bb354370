// A Python server ends lines at a raw CR, executes batches and reads NaN: what does so directly does not through the gateway.
import assert from 'node:assert/strict'
import { spawnSync } from 'node:child_process'
import { existsSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, it } from 'node:test'
import { projectRoot } from '../../support/project-root.ts'
import type { RawClient } from '../../support/raw-client.ts'
import { StdioHarness } from '../../support/stdio-harness.ts'

const hasPython = spawnSync('python3', ['-c', '']).status === 0
const script = join(projectRoot, 'test', 'support', 'readline-server.py')
const call = '{"jsonrpc":"2.0","id":2,"method":"tools/call","params":{"name":"denied_x"}}'
const ping = '{"jsonrpc":"2.0","id":1,"method":"ping"}'
const lines = [
  `${ping}\r${call}\r`,
  `[${call}]`,
  `{"n":NaN,${call.slice(1)}`,
  `{"method":"ping",${call.slice(1)}`,
  '{"id":3,"method":"tools/call","params":{"name":"allowed","name":"denied_x"}}',
]

/** What the server executed after all lines were sent. */
async function executed(client: RawClient, log: string): Promise<readonly string[]> {
  for (const line of lines) client.send(`${line}\n`)
  await client.end()
  return existsSync(log) ? readFileSync(log, 'utf8').split('\n').slice(0, -1) : []
}

describe('a server in Python', { skip: !hasPython && 'python3 is not there' }, () => {
  it('executes what is smuggled past a line reader, and nothing of it behind the gateway', async () => {
    const harness = new StdioHarness()
    try {
      const [direct, guarded] = [join(harness.directory, 'direct'), join(harness.directory, 'guarded')]
      const command = (log: string): readonly string[] => ['python3', script, log]
      const open = await executed(harness.direct({ command: command(direct) }), direct)
      assert.deepEqual(
        open,
        lines.map(() => 'denied_x'),
      )
      assert.deepEqual(await executed(harness.gateway({ command: command(guarded) }), guarded), [])
    } finally {
      await harness.remove()
    }
  })
})
