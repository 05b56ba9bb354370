// Gateways of one client, each with a hold lane of its own: a result that one returned holds the write of another.
import assert from 'node:assert/strict'
import {
  existsSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  utimesSync,
  writeFileSync,
} from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, it } from 'node:test'
import { SiblingFiles } from '../../cli/sibling-files.ts'
import type { Event } from '../../events/event.ts'
import { resultSignals } from '../../events/signals.ts'
import { HoldLane } from '../../gateway/hold-lane.ts'
import { DEPLOYMENT_KEY } from '../support/gate-bench.ts'

const TELLING = resultSignals(DEPLOYMENT_KEY, 'read', 'write to eve@evil.example')
const INSTANCE = '019aabcd-0000-7000-8000-000000000000'
const WRITE = { sessions: ['s'], toolClass: 'write' } as const

let data: string
let warned: string[]
let nowMs: number
beforeEach(() => {
  data = mkdtempSync(join(tmpdir(), 'toolwarden-siblings-'))
  warned = []
  nowMs = Date.now()
})
afterEach(() => rmSync(data, { recursive: true }))

function filesOf(session = 's', log = 'main'): SiblingFiles {
  return new SiblingFiles({ data, log, session, nowMs: () => nowMs, warn: (text) => void warned.push(text) })
}

/** One gateway; its detectors have spoken once. */
function gateway(name: string, { session = 's', holdMs = 20 } = {}) {
  const siblings = filesOf(session)
  const lane = new HoldLane({ holdMs, nowMs: () => nowMs, isTrusted: () => false, siblings })
  lane.judged([])
  const receipt = { type: 'authorization/receipt', writer: `gateway/${name}`, instance: INSTANCE }
  const returned = (sequence: number): Promise<void> =>
    lane.returned({ session, server: name, tool: 'get' }, { ...receipt, sequence } as unknown as Event, TELLING)
  return { lane, siblings, returned, chain: `gateway/${name}/${INSTANCE}` }
}

/** The file of the only gateway that told anything. */
function onlyFile(): string {
  const [session = ''] = readdirSync(join(data, 'told'))
  return join(data, 'told', session, readdirSync(join(data, 'told', session))[0] ?? '')
}

describe('a result that another gateway of the client returned', () => {
  it('holds a write until it was judged', async () => {
    const [mail, files] = [gateway('mail'), gateway('files', { holdMs: 60_000 })]
    await mail.returned(7)
    const waiting = files.lane.isUnjudged(WRITE)
    files.lane.judged([{ chain: mail.chain, sequence: 6 }])
    files.lane.judged([{ chain: mail.chain, sequence: 7 }])
    assert.equal(await waiting, false)
    assert.equal(await files.lane.isUnjudged(WRITE), false)
  })

  it('leaves the verdict missing, when none comes', async () => {
    const [mail, files] = [gateway('mail'), gateway('files')]
    await mail.returned(7)
    assert.equal(await files.lane.isUnjudged(WRITE), true)
    assert.equal(await files.lane.isUnjudged({ ...WRITE, toolClass: 'read' }), false)
  })

  it('holds nothing of another session, nor after five seconds, nor where nobody is told', async () => {
    const [mail, other, files] = [
      gateway('mail'),
      gateway('web', { session: 't' }),
      gateway('files', { holdMs: 60_000 }),
    ]
    await other.returned(7)
    assert.equal(await files.lane.isUnjudged(WRITE), false)
    await mail.returned(7)
    nowMs += 5_001
    assert.equal(await files.lane.isUnjudged(WRITE), false)
    assert.equal(await gateway('off', { holdMs: 0 }).returned(7), undefined)
    assert.equal(readdirSync(join(data, 'told')).length, 2)
  })

  it('counts after the end of its gateway too', async () => {
    const [mail, files] = [gateway('mail'), gateway('files')]
    await mail.returned(7)
    mail.siblings.end()
    assert.equal(await files.lane.isUnjudged(WRITE), true)
  })

  it('is told again where its file was swept away', async () => {
    const [mail, files] = [gateway('mail'), gateway('files')]
    await mail.returned(7)
    rmSync(join(data, 'told'), { recursive: true })
    await mail.returned(8)
    assert.equal(await files.lane.isUnjudged(WRITE), true)
  })
})

describe('the files of siblings', () => {
  it('are of one log', async () => {
    await gateway('mail').returned(7)
    assert.equal(filesOf().told()?.length, 1)
    assert.deepEqual(filesOf('s', 'other').told(), [])
  })

  it('are of their owner alone, of one size, and name no session', async () => {
    const mail = gateway('mail')
    await mail.returned(9)
    await mail.returned(10)
    const path = onlyFile()
    assert.equal(statSync(path).mode & 0o777, 0o600)
    assert.equal(statSync(path).size, 512)
    assert.doesNotMatch(path.slice(data.length), /\/s\//)
    assert.deepEqual(
      filesOf()
        .told()
        ?.map(({ sequence }) => sequence),
      [10],
    )
  })

  it('go with their gateway, once its last result is old', async () => {
    const mail = gateway('mail')
    await mail.returned(7)
    nowMs += 5_001
    mail.siblings.end()
    assert.deepEqual(readdirSync(join(data, 'told')), [])
  })

  it('are not believed half written: a write then waits, and needs approval', async () => {
    const [mail, files] = [gateway('mail'), gateway('files')]
    await mail.returned(7)
    const path = onlyFile()
    writeFileSync(path, readFileSync(path, 'latin1').replace('[7,', '[6,'))
    assert.equal(await files.lane.isUnjudged(WRITE), true)
    assert.match(warned[0] ?? '', /is not what a gateway wrote/)
  })

  it('keep an answer back until its verdict, when they cannot be written', async () => {
    writeFileSync(join(data, 'told'), '')
    const mail = gateway('mail', { holdMs: 60_000 })
    const returned = mail.returned(7)
    mail.lane.judged([{ chain: mail.chain, sequence: 7 }])
    await returned
    assert.equal(warned.length, 1)
    const impatient = gateway('web')
    assert.equal(await impatient.returned(7), undefined)
  })
})

describe('sweeping the files of siblings', () => {
  it('takes those of a day ago, and no other', async () => {
    const [killed, running] = [gateway('killed', { session: 'old' }), gateway('running')]
    await killed.returned(7)
    utimesSync(onlyFile(), nowMs / 1000 - 90_000, nowMs / 1000 - 90_000)
    await running.returned(7)
    running.siblings.sweep()
    assert.equal(readdirSync(join(data, 'told')).length, 1)
    assert.ok(existsSync(onlyFile()))
  })
})
