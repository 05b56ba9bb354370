// Witnesses as their users run them: processes of their own beside `up`, a trust policy at the command line, a log that was
// rolled back. The ledger goes on without them, and says so.
import assert from 'node:assert/strict'
import { cpSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { after, before, describe, it } from 'node:test'
import type { CommandEnd, RunningCommand } from '../support/command.ts'
import { findFreePort } from '../support/free-port.ts'
import { Pipeline, type RunningUp } from '../support/pipeline.ts'
import { seededRandom } from '../support/random.ts'

const KILLS = 6
const LONGEST_PAUSE_MS = 1_500
const SEED = 6

interface Protection {
  readonly class: string
  readonly witnesses?: { readonly size: number; readonly problem?: string }
}

describe('a ledger with a witness', () => {
  const pipeline = new Pipeline()
  const directory = join(pipeline.directory, 'witness')
  const policy = join(pipeline.directory, 'trust.policy')
  const kept = join(pipeline.directory, 'kept')
  const snapshot = join(pipeline.directory, 'snapshot')
  let port: number
  let witness: RunningCommand
  let up: RunningUp

  before(async () => {
    port = await findFreePort()
    const made = await pipeline.start(['witness', 'init', '--directory', directory, '--name', 'w.example', '--json'])
      .ended
    const { vkey } = JSON.parse(made.output) as { vkey: string }
    await pipeline.stopUp(await pipeline.startUp())
    const log = readFileSync(join(pipeline.data, 'installation', 'log.vkey'), 'utf8').trim()
    const added = await pipeline.start(['witness', 'add-log', log, '--directory', directory]).ended
    assert.equal(added.code, 0, added.errors)
    writeFileSync(policy, `log ${log}\nwitness w ${vkey}\nquorum w\n`)
    const config = readFileSync(pipeline.configFile, 'utf8')
    const settings = `ledger: { witnesses: [{ url: "http://127.0.0.1:${port}", vkey: "${vkey}" }] }\n`
    writeFileSync(pipeline.configFile, config + settings)
    witness = await startWitness()
    up = await pipeline.startUp()
  })
  after(() => pipeline.remove())

  async function startWitness(): Promise<RunningCommand> {
    const command = pipeline.start(['witness', '--directory', directory, '--listen', `127.0.0.1:${port}`])
    assert.ok(await command.find(/witness at/), command.errors)
    return command
  }

  async function protection(): Promise<Protection> {
    return (await pipeline.get<{ protection: Protection }>(up, '/v1/status')).protection
  }

  async function call(): Promise<void> {
    const client = pipeline.startGateway()
    await client.initialize()
    await client.call('count', '1')
    await client.kill('SIGTERM')
  }

  function verify(...flags: readonly string[]): Promise<CommandEnd> {
    return pipeline.start(['verify', ...flags]).ended
  }

  it('is of class A, in its status and for whoever verifies it while it runs', async () => {
    await call()
    await pipeline.until(async () => ((await protection()).witnesses?.size ?? 0) > 5)
    assert.equal((await protection()).class, 'A')
    const { code, output, errors } = await verify('--trust', policy, '--not-older-than', '1m')
    assert.equal(code, 0, output + errors)
    assert.match(output, /class A: \d+ of \d+ leaves are witnessed \(w, at 20/)
    cpSync(join(pipeline.data, 'tlog', 'checkpoint'), kept)
  })

  it('goes on without it, and says that it is missing', async () => {
    await witness.kill('SIGKILL')
    await call()
    await pipeline.until(async () => (await protection()).witnesses?.problem !== undefined)
    assert.equal((await protection()).class, 'C')
    const ready = await fetch(`${up.url}/readyz`)
    assert.equal(ready.status, 200)
    assert.match(await ready.text(), /"name":"witnesses","ready":false,"reason":"0 of 1 witnesses/)
  })

  it('is cosigned again once the witness is back', async () => {
    witness = await startWitness()
    await pipeline.until(async () => (await protection()).class === 'A')
  })

  it('is cosigned on, when its witness is killed again and again while it cosigns', async () => {
    const random = seededRandom(SEED)
    for (let kill = 0; kill < KILLS; kill++) {
      const calling = call()
      await new Promise((resolve) => setTimeout(resolve, random() * LONGEST_PAUSE_MS))
      await witness.kill('SIGKILL')
      witness = await startWitness()
      await calling
    }
    await pipeline.until(async () => (await protection()).class === 'A')
    const { code, output, errors } = await verify('--trust', policy, '--not-older-than', '1m')
    assert.equal(code, 0, output + errors)
  })

  it('is verified at rest: with its witness, with a kept checkpoint, and not when that is too long ago', async () => {
    await pipeline.stopUp(up)
    for (const [expected, ...flags] of [
      [0, '--trust', policy, '--not-older-than', '1h'],
      [0, '--checkpoint', kept],
      [2, '--trust', policy, '--not-older-than', '0s'],
      [2, '--trust', policy],
      [4, '--trust', kept],
      [3, '--trust', policy, '--not-older-than', 'soon'],
    ] as const) {
      const { code, output, errors } = await verify(...flags)
      assert.equal(code, expected, `${flags.join(' ')}: ${output}${errors}`)
    }
    cpSync(pipeline.data, snapshot, { recursive: true })
  })

  it('is found out by its witness and by a kept checkpoint, when all of it was rolled back', async () => {
    const size = Number(readFileSync(join(snapshot, 'tlog', 'checkpoint'), 'utf8').split('\n')[1])
    up = await pipeline.startUp()
    await call()
    // The witness must have seen more than the snapshot has: what it never saw it can't miss.
    await pipeline.until(async () => ((await protection()).witnesses?.size ?? 0) > size)
    await pipeline.stopUp(up)
    cpSync(join(pipeline.data, 'tlog', 'checkpoint'), kept)
    rmSync(pipeline.data, { recursive: true })
    cpSync(snapshot, pipeline.data, { recursive: true })
    const { code, output } = await verify('--checkpoint', kept)
    assert.deepEqual([code, /rolled back/.test(output)], [1, true], output)
    up = await pipeline.startUp()
    await pipeline.until(async () => /history|saw \d+ leaves/.test((await protection()).witnesses?.problem ?? ''))
    await pipeline.stopUp(up)
  })
})
