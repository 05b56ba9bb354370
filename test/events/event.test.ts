// The event: schema and role table refuse what no honest writer writes; rules and tool classes judge as their words say.
import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { canonicalBytes } from '../../events/canonical.ts'
import { parseEvent } from '../../events/event.ts'
import { mayWrite } from '../../events/role.ts'
import { type Predicate, parseRule, predicateHolds } from '../../events/rule.ts'
import type { Signals } from '../../events/signals.ts'
import { toolClassOf } from '../../events/tool-class.ts'
import { withCode } from '../support/errors.ts'
import { honestRun, seededHash } from '../support/seeded-run.ts'

const [opening] = honestRun(0).records()
const body = JSON.parse(Buffer.from(opening?.value ?? '').toString()) as Record<string, unknown>

describe('parseEvent', () => {
  it('takes every event of an honest run', () => {
    for (const { body: bytes, event } of honestRun(2).events()) assert.deepEqual(parseEvent(bytes), event)
  })

  const changes: readonly (readonly [string, Record<string, unknown>, string])[] = [
    ['another version', { v: 2 }, 'v'],
    ['a field that nobody knows', { more: 1 }, ''],
    ['a sequence of zero', { sequence: 0 }, 'sequence'],
    ['a hash in capitals', { previous: 'A'.repeat(64) }, 'previous'],
    ['a hash with a line feed', { previous: `${'a'.repeat(64)}\n` }, 'previous'],
    ['a writer that leaves its folder', { writer: 'gateway/../x' }, 'writer'],
    ['a writer of no role', { writer: 'root/x' }, 'writer'],
    ['a writer without a name', { writer: 'gateway/' }, 'writer'],
    ['an instance in capitals', { instance: String(body.instance).toUpperCase() }, 'instance'],
    ['an empty log', { log: '' }, 'log'],
    ['a type that nobody knows', { type: 'writer/opened' }, 'type'],
    ['a type of an object’s prototype', { type: 'constructor' }, 'type'],
    ['a key of another length', { publicKey: 'A'.repeat(44) }, 'publicKey'],
  ]
  for (const [name, change, where] of changes)
    it(`refuses ${name}, and says where`, () => {
      const bytes = canonicalBytes({ ...body, ...change })
      assert.throws(
        () => parseEvent(bytes),
        (error) => withCode('EVENT_INVALID')(error) && (error as { where?: string }).where === where,
      )
    })

  it('refuses __proto__ as a field, and leaves prototypes alone', () => {
    const text = canonicalBytes(body).toString().replace('{', '{"__proto__":{"polluted":1},')
    assert.throws(() => parseEvent(Buffer.from(text)), withCode('EVENT_INVALID'))
    assert.equal(({} as { polluted?: number }).polluted, undefined)
  })

  it('refuses values that are no objects', () => {
    for (const text of ['null', '1', '"a"', '[]', '{}'])
      assert.throws(() => parseEvent(Buffer.from(text)), withCode('EVENT_INVALID'))
  })
})

describe('mayWrite', () => {
  const table: readonly (readonly [string, readonly string[], readonly string[]])[] = [
    [
      'gateway/a',
      ['authorization/decide', 'approval/requested', 'control/refused'],
      [
        'approval/verdict',
        'rule/added',
        'switch/stopped',
        'admin/erased',
        'ledger/gap',
        'alert/raised',
        'control/state',
      ],
    ],
    [
      'detectors/a',
      ['alert/raised', 'rule/added', 'rule/lifted'],
      ['authorization/decide', 'approval/verdict', 'switch/resumed', 'pin/approved', 'ledger/fork'],
    ],
    [
      'api/a',
      ['approval/verdict', 'rule/lifted', 'switch/stopped', 'alert/updated', 'key/revoked'],
      ['authorization/receipt', 'alert/raised', 'approval/requested', 'ledger/ingested', 'policy/changed'],
    ],
    [
      'ledger/a',
      ['ledger/quarantined', 'writer/open'],
      ['authorization/decide', 'rule/added', 'admin/pruned', 'alert/raised'],
    ],
  ]
  for (const [writer, may, mayNot] of table)
    it(`knows what ${writer.split('/')[0]} may write, and what not`, () => {
      for (const type of ['writer/heartbeat', ...may]) assert.equal(mayWrite(writer, type), true, type)
      for (const type of mayNot) assert.equal(mayWrite(writer, type), false, type)
    })
})

describe('a predicate', () => {
  const signals: Signals = {
    v: 2,
    toolClass: 'write',
    objects: ['o'],
    destinations: ['d'],
    sites: ['s'],
    own: [],
    fields: [{ name: 'n', values: ['v'] }],
    values: [],
    secrets: [],
    markers: 0,
    textLength: 0,
    truncated: false,
  }
  const has = (field: 'objects' | 'destinations', ...anyOf: readonly string[]): Predicate => ({
    type: 'signal',
    field,
    anyOf,
  })
  it('holds as its words say', () => {
    const [yes, no] = [has('objects', 'x', 'o'), has('objects', 'd')]
    for (const [predicate, holds] of [
      [yes, true],
      [no, false],
      [{ type: 'not', predicate: no }, true],
      [{ type: 'all', predicates: [yes, no] }, false],
      [{ type: 'any', predicates: [no, has('destinations', 'd')] }, true],
    ] as const)
      assert.equal(predicateHolds(predicate, signals), holds)
  })

  it('is refused in a rule, when it is empty or too large', () => {
    const rule = {
      id: seededHash('r'),
      scope: { session: 's' },
      tool: '*',
      action: 'deny',
      reason: '',
      cause: { events: [] },
      createdAt: '2026-01-01T00:00:00.000000Z',
      expiresAt: '2026-01-01T01:00:00.000000Z',
    }
    assert.ok(parseRule({ ...rule, arguments: has('objects', 'a') }))
    assert.throws(() => parseRule({ ...rule, arguments: { type: 'all', predicates: [] } }))
    assert.throws(() => parseRule({ ...rule, arguments: has('objects', ...Array<string>(501).fill('a')) }))
    assert.throws(() => parseRule({ ...rule, scope: { server: 'files' } }))
    assert.ok(parseRule({ ...rule, scope: { server: 'files' }, cause: { operator: 'user:ann', events: [] } }))
    assert.throws(() => parseRule({ ...rule, action: 'allow' }))
  })
})

describe('toolClassOf', () => {
  for (const [tool, hints, expected] of [
    ['read_file', {}, 'read'],
    ['listDirectory', {}, 'read'],
    ['write_file', {}, 'write'],
    ['frobnicate', {}, 'write'],
    ['frobnicate', { readOnlyHint: true }, 'read'],
    ['read_file', { readOnlyHint: false }, 'write'],
    ['read_file', { destructiveHint: true }, 'destructive'],
    ['delete_file', { readOnlyHint: true }, 'destructive'],
    ['getAndDelete', {}, 'destructive'],
    ['send_email', { readOnlyHint: true }, 'egress'],
    ['create_message', {}, 'egress'],
    ['get_message', {}, 'read'],
    ['', {}, 'write'],
  ] as const)
    it(`takes ${tool || 'a tool without a name'} ${JSON.stringify(hints)} for ${expected}`, () => {
      assert.equal(toolClassOf(tool, hints), expected)
    })
})
