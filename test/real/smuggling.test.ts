// The requests of test/gateway/http/smuggling.test.ts, sent to a careless server in Python: what it executes directly it
// does not execute behind the gateway.
import assert from 'node:assert/strict'
import { spawnSync } from 'node:child_process'
import { existsSync, mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, before, describe, it } from 'node:test'
import { HttpUpstream } from '../../gateway/http/http-upstream.ts'
import { type Background, startBackground } from '../support/background.ts'
import { HttpHarness } from '../support/http-harness.ts'
import { projectRoot } from '../support/project-root.ts'
import type { RawClient } from '../support/raw-client.ts'
import { rawPost, sendRaw, statusOf } from '../support/raw-http.ts'
import { SMUGGLED_BODIES } from '../support/smuggled-bodies.ts'
import { SMUGGLED_HEADS } from '../support/smuggled-heads.ts'
import { StdioHarness } from '../support/stdio-harness.ts'

const hasPython = spawnSync('python3', ['-c', '']).status === 0
const script = join(projectRoot, 'test', 'support', 'lenient-server.py')
const variants = [...SMUGGLED_HEADS, ...SMUGGLED_BODIES]
/** So many variants run the denied tool where no gateway stands before the server; fewer would mean that it has become careful. */
const LEAST_EXECUTED = 100

/** Bodies that are one line; a line reader is as careless as the rest of it. */
const lines = SMUGGLED_BODIES.map(([name, { body = '' }]) => [name, Buffer.from(body)] as const).filter(
  ([, body]) => !body.includes('\n'),
)
const STDIO_LEAST_EXECUTED = 100

describe('smuggling to a careless server in Python', { skip: !hasPython && 'python3 is not there' }, () => {
  const directory = mkdtempSync(join(tmpdir(), 'toolwarden-smuggling-'))
  const logs = [join(directory, 'direct'), join(directory, 'guarded')] as const
  let servers: readonly [Background, Background]
  let harness: HttpHarness

  before(async () => {
    const start = (log: string): Promise<Background> => startBackground(['python3', script, log], /listening on (\S+)/)
    servers = [await start(logs[0]), await start(logs[1])]
    const url = new URL(servers[1].match[1] ?? '')
    const upstream = (): HttpUpstream => new HttpUpstream({ url, headers: [], ca: undefined, connectMs: 5_000 })
    harness = await new HttpHarness({ upstream }).start()
  })
  after(async () => {
    await harness.stop()
    await Promise.all(servers.map((server) => server.stop()))
    rmSync(directory, { recursive: true, force: true })
  })

  /** What ran since this was last asked, the denied tool only. */
  const ran = (log: string): number => {
    const text = existsSync(log) ? readFileSync(log, 'utf8') : ''
    rmSync(log, { force: true })
    return text.split('\n').filter((name) => name.startsWith('denied_tool')).length
  }

  it(`shows ${variants.length} variants, of which it executes many by itself`, async (context) => {
    const port = Number(new URL(servers[0].match[1] ?? '').port)
    let executed = 0
    for (const [, request] of variants) {
      await sendRaw(port, rawPost(port, request), 5, 300)
      if (ran(logs[0]) > 0) executed++
    }
    context.diagnostic(`${executed} of ${variants.length} run the denied tool directly`)
    assert.ok(executed >= LEAST_EXECUTED, String(executed))
  })

  it('executes none of them behind the gateway', async () => {
    for (const [name, request, statuses] of variants) {
      const response = await sendRaw(harness.port, rawPost(harness.port, request), 20, 20_000)
      assert.ok(statuses.includes(statusOf(response)), `${name}: ${response}`)
      assert.equal(ran(logs[1]), 0, name)
    }
  })
})

describe('smuggling to a careless server in Python over stdio', { skip: !hasPython && 'python3 is not there' }, () => {
  it(`executes many of ${lines.length} lines by itself, and none behind the gateway`, async (context) => {
    const harness = new StdioHarness()
    context.after(() => harness.remove())
    const logs = [join(harness.directory, 'direct'), join(harness.directory, 'guarded')] as const
    const command = (log: string): readonly string[] => ['python3', script, log, 'stdio']
    const executed = async (client: RawClient, log: string): Promise<number> => {
      for (const [, line] of lines) client.send(Buffer.concat([line, Buffer.from('\n')]))
      await client.end()
      return existsSync(log)
        ? readFileSync(log, 'utf8')
            .split('\n')
            .filter((name) => name.startsWith('denied')).length
        : 0
    }
    const direct = await executed(harness.direct({ command: command(logs[0]) }), logs[0])
    context.diagnostic(`${direct} calls of the denied tool directly`)
    assert.ok(direct >= STDIO_LEAST_EXECUTED, String(direct))
    assert.equal(await executed(harness.gateway({ command: command(logs[1]) }), logs[1]), 0)
  })
})
