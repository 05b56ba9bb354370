// /v1/verify: one run at a time, its progress, and every way it can end. The verification itself is the ledger's.
import assert from 'node:assert/strict'
import { afterEach, beforeEach, describe, it } from 'node:test'
import { BackgroundVerification } from '../../api/background-verification.ts'
import { Verification, type Verify, type VerifyProgress } from '../../api/verification.ts'
import { ToolwardenError } from '../../events/errors.ts'
import { systemClock } from '../../events/time.ts'
import { Findings, type VerifyReport } from '../../ledger/verify-report.ts'
import { type ApiHarness, startApiHarness } from '../support/api-harness.ts'
import { until } from '../support/until.ts'

interface Shown {
  readonly state: string
  readonly current?: { readonly rows: number; readonly total: number }
  readonly last?: {
    readonly report?: { readonly verdict: string; readonly violations: readonly { code: string; where: string }[] }
    readonly error?: { readonly code: string; readonly message: string }
  }
}

/** A verification that the test drives. */
interface Run {
  readonly progress: (progress: VerifyProgress) => void
  readonly resolve: (report: VerifyReport) => void
  readonly reject: (error: unknown) => void
}

let harness: ApiHarness
let runs: Run[]
beforeEach(async () => {
  runs = []
  harness = await startApiHarness({
    verify: (progress) => new Promise((resolve, reject) => runs.push({ progress, resolve, reject })),
  })
})
afterEach(() => harness.close())

async function ask(method: 'GET' | 'POST', path = '/v1/verify'): Promise<Shown> {
  return (await (await harness.request(path, { method })).json()) as Shown
}

function tampered(): VerifyReport {
  const findings = new Findings()
  findings.violation({ code: 'hash-mismatch', chain: 'gateway/files/1', sequence: 7, text: 'the body was changed' })
  return findings.report(0)
}

describe('/v1/verify', () => {
  it('says that none ran yet', async () => {
    assert.deepEqual(await ask('GET'), { state: 'never' })
  })

  it('starts one run, whoever else asks meanwhile, and shows how far it is', async () => {
    await Promise.all([ask('POST'), ask('POST'), ask('POST')])
    assert.equal(runs.length, 1)
    runs[0]?.progress({ rows: 40, total: 100 })
    const { state, current } = await ask('GET')
    assert.deepEqual([state, current?.rows, current?.total], ['running', 40, 100])
  })

  it('names each violation with its place when a waited run ends', async () => {
    const waiting = ask('POST', '/v1/verify?wait=true')
    while (runs.length === 0) await new Promise((resolve) => setImmediate(resolve))
    runs[0]?.resolve(tampered())
    const { state, last } = await waiting
    assert.deepEqual([state, last?.report?.verdict], ['finished', 'tampered'])
    assert.equal(last?.report?.violations[0]?.where, 'gateway/files/1, event 7')
    assert.deepEqual((await ask('GET')).last, last)
  })

  for (const [name, error, code] of [
    ['the store is away', new ToolwardenError('STORE_UNAVAILABLE', 'no answer'), 'STORE_UNAVAILABLE'],
    ['something foreign is thrown', new Error('with a secret in it'), 'INTERNAL'],
  ] as const) {
    it(`keeps a run that failed as its last, when ${name}`, async () => {
      await ask('POST')
      runs[0]?.reject(error)
      const { last } = await ask('POST', '/v1/verify?wait=false').then(() => ask('GET'))
      assert.equal(last?.error?.code, code)
      assert.doesNotMatch(last?.error?.message ?? '', /secret/)
    })
  }
})

describe('a verification of what grew', () => {
  const clock = systemClock()
  const verified = () => {
    const asked: { readonly isIncremental: boolean; readonly end: (report: VerifyReport) => void }[] = []
    const verify: Verify = (_, { isIncremental }) => new Promise((end) => asked.push({ isIncremental, end }))
    return { asked, verification: new Verification(verify, clock) }
  }

  it('is not what somebody gets who asks for all: that follows it, once', async () => {
    const { asked, verification } = verified()
    const grown = verification.run({ isIncremental: true })
    const all = [verification.run(), verification.run(), verification.run({ isIncremental: true })]
    asked[0]?.end(new Findings().report(0))
    await grown
    assert.equal(verification.last, undefined)
    await until(() => asked.length === 2)
    asked[1]?.end(tampered())
    await Promise.all(all)
    assert.deepEqual([asked.map(({ isIncremental }) => isIncremental), asked.length], [[true, false], 2])
    assert.ok(verification.last !== undefined)
  })

  it('comes between those of all, as long as nothing is wrong', async () => {
    const { asked, verification } = verified()
    const settings = { firstSeconds: 0.001, everySeconds: 0.01, growthSeconds: 0.004 }
    const { operator, logger } = harness.dependencies
    const background = new BackgroundVerification({ verification, settings, operator, logger })
    background.start()
    for (const count of [1, 2, 3]) {
      await until(() => asked.length === count)
      asked[count - 1]?.end(count === 3 ? tampered() : new Findings().report(0))
    }
    await until(() => verification.last?.outcome !== undefined && verification.current === undefined)
    await background.stop()
    assert.deepEqual(
      asked.map(({ isIncremental }) => isIncremental),
      [false, true, true],
    )
  })
})

describe('the verification in the background', () => {
  async function runOnce(end: (run: Run | undefined) => void): Promise<string> {
    const { background } = harness.api
    background.start()
    await until(() => runs.length === 1)
    end(runs[0])
    await until(async () => (await ask('GET')).state === 'finished')
    const status = (await (await harness.request('/v1/status')).json()) as { verification: { verdict: string } }
    await background.stop()
    return status.verification.verdict
  }
  beforeEach(async () => {
    await harness.close()
    harness = await startApiHarness({
      settings: { verification: { firstSeconds: 1, everySeconds: 1_000 } },
      verify: (progress, { isBackground }) =>
        new Promise((resolve, reject) => (isBackground ? runs.push({ progress, resolve, reject }) : undefined)),
    })
  })

  it('is loud about a violation: log, event, metric, /readyz and /v1/status', async () => {
    assert.equal(await runOnce((run) => run?.resolve(tampered())), 'tampered')
    assert.match(harness.logged[0]?.message ?? '', /the ledger is tampered: the body was changed/)
    await until(() => harness.dependencies.operator.chainWriter.head.sequence >= 2)
    const metrics = await (await harness.request('/metrics')).text()
    assert.match(metrics, /toolwarden_verify_violations 1\n/)
    const ready = (await (await harness.request('/readyz')).json()) as { checks: { name: string; reason?: string }[] }
    const said = ready.checks.find(({ name }) => name === 'verification')?.reason ?? ''
    assert.equal(said, 'tampered: 1 violations, the first hash-mismatch at gateway/files/1, event 7')
  })

  it('says nothing where all is well', async () => {
    assert.equal(await runOnce((run) => run?.resolve(new Findings().report(0))), 'valid')
    assert.deepEqual([harness.logged, harness.dependencies.operator.chainWriter.head.sequence], [[], 0])
  })

  it('reports that it could not be done', async () => {
    assert.equal(await runOnce((run) => run?.reject(new ToolwardenError('STORE_UNAVAILABLE', 'no answer'))), 'failed')
    assert.equal(harness.logged[0]?.message, 'the ledger could not be verified')
  })
})
