// The kill switch comes before everything, for its scope alone, until it is resumed.
import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import type { ControlView } from '../../events/control-view.ts'
import { switchScopeField } from '../../events/switch-scope.ts'
import { GateBench, requestOf, stopOf } from '../support/gate-bench.ts'
import { policyOf } from './policy/support.ts'

async function admit(control: ControlView, policy = policyOf({ action: 'allow' })): Promise<string> {
  const bench = new GateBench({ policy })
  bench.control = control
  const admission = await bench.gate.admit(requestOf())
  await bench.chainWriter.close()
  return admission.type === 'forward' ? 'forward' : `${admission.decision.reason}: ${admission.decision.text}`
}

describe('the kill switch', () => {
  for (const scope of ['all', 'server:files', 'principal:agent:a@host'])
    it(`denies within ${scope}, and says why`, async () => {
      const text = `switch_stopped: an operator stopped ${scope}: incident 7`
      assert.equal(await admit(stopOf(scope)), text)
    })

  for (const scope of ['server:other', 'principal:agent:b@host'])
    it(`does not deny outside of ${scope}`, async () => assert.equal(await admit(stopOf(scope)), 'forward'))

  it('denies no more once it is resumed', async () =>
    assert.equal(await admit(stopOf('all', 'switch/resumed')), 'forward'))

  it('counts for a call whose decision is on its way to the log', async () => {
    const stop = (): 'none' => {
      bench.control = stopOf('all')
      return 'none'
    }
    const bench: GateBench = new GateBench({ policy: policyOf({ action: 'allow' }), fault: stop })
    const admission = await bench.gate.admit(requestOf())
    assert.ok(admission.type === 'refuse' && admission.decision.reason === 'switch_stopped')
    assert.equal(bench.eventsOf('authorization/receipt').at(-1)?.status, 'not_forwarded')
    await bench.chainWriter.close()
  })

  it('has scopes that can be read one way', () => {
    const bad = ['', 'ALL', 'server:', 'principal: x', 'tool:x', 'server:a\nb', `server:${'a'.repeat(600)}`]
    assert.deepEqual(
      bad.filter((scope) => switchScopeField.safeParse(scope).success),
      [],
    )
  })
})
