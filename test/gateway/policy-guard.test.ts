// `policy.protect`: what narrows takes effect at once, what may allow more waits until an admin has accepted that very change,
// also over a restart and where the file could not be loaded at first.
import assert from 'node:assert/strict'
import { beforeEach, describe, it } from 'node:test'
import { type ControlView, EMPTY_CONTROL } from '../../events/control-view.ts'
import { ToolwardenError } from '../../events/errors.ts'
import type { EventDraft, EventOf } from '../../events/event.ts'
import { policySubject } from '../../events/policy-subject.ts'
import type { Policy } from '../../gateway/policy/policy.ts'
import { listWidenings } from '../../gateway/policy/widenings.ts'
import { findAcceptance, policyAtStart } from '../../gateway/policy-guard.ts'
import { PolicyInForce } from '../../gateway/policy-in-force.ts'
import { policyOf } from './policy/support.ts'

const NARROW = policyOf({ id: 'a', tool: 'a', action: 'allow' })
const WIDE = policyOf({ id: 'a', tool: 'a', action: 'allow' }, { id: 'b', tool: 'b', action: 'allow' })
const WIDER = policyOf({ id: 'a', tool: '*', action: 'allow' })
const END = '2026-12-22T00:00:00.000000Z'
const NOW_MICROS = Date.parse('2026-11-22T00:00:00Z') * 1000

let notes: EventDraft[]
let kept: Policy[]
let warned: string[]
let control: ControlView
let isDiskFull: boolean
beforeEach(() => {
  ;[notes, kept, warned, control, isDiskFull] = [[], [], [], EMPTY_CONTROL, false]
})

/** Control on which an admin accepted a change of the server `files`. */
function accepted(policy: Policy, replaces: Policy, expiresAt = END): ControlView {
  const subject = policySubject('files', policy.hash)
  const event = {
    type: 'policy/accepted',
    policy: policy.hash,
    replaces: replaces.hash,
    expiresAt,
  } as EventOf<'policy/accepted'>
  return { ...EMPTY_CONTROL, subjects: new Map([[subject, { subject, revision: 1, hash: 'a'.repeat(64), event }]]) }
}

/** A run that starts with what its file says, after one that had another policy in force. */
function start(policy: Policy | undefined, before?: Policy): PolicyInForce {
  const keep = (each: Policy): void => {
    if (isDiskFull) throw new ToolwardenError('STORE_UNAVAILABLE', 'no room')
    kept.push(each)
  }
  const guard = { before, keep, listWidenings }
  const atStart = policyAtStart(policy, guard)
  return new PolicyInForce({
    ...{ policy: atStart.inForce, held: atStart.held, guard, protection: undefined, server: 'files' },
    note: async (draft) => void notes.push(draft),
    findAcceptance: (change) => findAcceptance(control, { server: 'files', change, nowMicros: NOW_MICROS }),
    warn: (text) => void warned.push(text),
  })
}

describe('a protected policy', () => {
  it('is the first one that was met, and is kept', () => {
    assert.equal(start(WIDE).policy, WIDE)
    assert.deepEqual(kept, [WIDE])
  })

  it('takes at once what provably allows no more', () => {
    const inForce = start(WIDE)
    inForce.replace(NARROW, undefined)
    assert.deepEqual([inForce.policy, kept.at(-1)], [NARROW, NARROW])
  })

  it('stays where another may allow more, which is recorded once, with why and what to do', () => {
    const inForce = start(NARROW)
    inForce.replace(WIDE, undefined)
    inForce.replace(WIDE, undefined)
    assert.equal(inForce.policy, NARROW)
    const [held, ...more] = notes
    assert.ok(held?.type === 'policy/held' && more.length === 0)
    assert.deepEqual([held.inForce, held.policy, held.count], [NARROW.hash, WIDE.hash, 1])
    assert.deepEqual(held.widenings, [{ rule: 'b', why: 'a new rule that does not deny' }])
    assert.match(warned.join(), new RegExp(`toolwarden policy accept ${WIDE.hash.slice(0, 12)}`))
  })

  it('gives way once an admin has accepted the change', () => {
    const inForce = start(NARROW)
    inForce.replace(WIDE, undefined)
    control = accepted(WIDE, NARROW)
    inForce.look()
    const changed = notes.at(-1)
    assert.deepEqual([inForce.policy, kept.at(-1)], [WIDE, WIDE])
    assert.ok(changed?.type === 'policy/changed')
    assert.deepEqual([changed.accepted, changed.replaced], ['a'.repeat(64), NARROW.hash])
  })

  const others: Readonly<Record<string, () => ControlView>> = {
    'another policy': () => accepted(WIDER, NARROW),
    'the same one after another': () => accepted(WIDE, WIDER),
    'a time that is over': () => accepted(WIDE, NARROW, '2026-11-21T00:00:00.000000Z'),
  }
  for (const [name, view] of Object.entries(others))
    it(`does not give way where what was accepted is ${name}`, () => {
      const inForce = start(NARROW)
      control = view()
      inForce.replace(WIDE, undefined)
      inForce.look()
      assert.equal(inForce.policy, NARROW)
    })

  it('is narrowed and widened again only with another acceptance', () => {
    const inForce = start(NARROW)
    control = accepted(WIDE, NARROW)
    inForce.replace(WIDE, undefined)
    inForce.replace(policyOf(), undefined)
    inForce.replace(WIDE, undefined)
    assert.equal(inForce.policy?.rules.length, 0)
  })

  it('is given up for nothing that is gone again', () => {
    const inForce = start(NARROW)
    inForce.replace(WIDE, undefined)
    inForce.replace(NARROW, undefined)
    control = accepted(WIDE, NARROW)
    inForce.look()
    assert.equal(inForce.policy, NARROW)
  })

  it('stays where the new one cannot be kept', () => {
    const inForce = start(WIDE)
    isDiskFull = true
    inForce.replace(NARROW, undefined)
    assert.deepEqual([inForce.policy, notes.at(-1)?.type], [WIDE, 'policy/refused'])
  })
})

describe('a start with a protected policy', () => {
  it('holds what may allow more than an earlier run had in force', () => {
    const inForce = start(WIDE, NARROW)
    assert.deepEqual([inForce.policy, notes[0]?.type], [NARROW, 'policy/held'])
    control = accepted(WIDE, NARROW)
    inForce.look()
    assert.equal(inForce.policy, WIDE)
  })

  it('with a file that does not load denies, and then goes by what was in force', () => {
    const inForce = start(undefined, NARROW)
    assert.equal(inForce.policy, undefined)
    inForce.replace(WIDE, undefined)
    assert.equal(inForce.policy, NARROW)
  })
})
