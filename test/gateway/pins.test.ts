// Decisions under off, warn and enforce; what is pinned, recorded and kept of each list.
import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { stringify } from 'yaml'
import { type ControlView, EMPTY_CONTROL } from '../../events/control-view.ts'
import type { EventDraft, EventOf } from '../../events/event.ts'
import { INSTRUCTIONS, pinSubject } from '../../events/pin-subject.ts'
import { argumentSignals } from '../../events/signals.ts'
import { Catalogue } from '../../gateway/catalogue.ts'
import { type Decision, decideCall } from '../../gateway/decide.ts'
import { MAX_LISTED_PER_CONNECTION } from '../../gateway/listing-budget.ts'
import type { PinBook } from '../../gateway/pin-standing.ts'
import { Pins, type StoredDefinition } from '../../gateway/pins.ts'
import type { PinningMode } from '../../gateway/policy/pinning.ts'
import type { ShownDefinition } from '../../gateway/shown-tools.ts'
import { DEPLOYMENT_KEY, NO_CONTROL, requestOf } from '../support/gate-bench.ts'
import { factsOf, loadErrors, loadPolicy } from './policy/support.ts'

const [A, B] = ['a'.repeat(64), 'b'.repeat(64)]
const TOOL = 'read_file'

function bookOf(first: Readonly<Record<string, string>>, ...others: Readonly<Record<string, string>>[]): PinBook {
  const seen = new Map<string, Set<string>>()
  for (const [tool, digest] of [first, ...others].flatMap((each) => Object.entries(each)))
    seen.set(tool, (seen.get(tool) ?? new Set()).add(digest))
  return { first: new Map(Object.entries(first)), seen }
}

/** Control on which an operator approved a digest of a tool of `files`. */
function approved(digest: string, tool = TOOL): ControlView {
  const subject = pinSubject('files', tool)
  const event = { type: 'pin/approved', server: 'files', tool, digest, revision: 1 } as EventOf<'pin/approved'>
  return { ...EMPTY_CONTROL, subjects: new Map([[subject, { subject, revision: 1, hash: A, event }]]) }
}

interface Case {
  readonly pinning?: unknown
  readonly book?: PinBook
  readonly control?: ControlView
  readonly shown?: string
  readonly instructions?: string
  readonly earlier?: ShownDefinition['earlier']
  readonly rest?: object
}

function decideOn({ pinning = 'enforce', book = bookOf({}), control = EMPTY_CONTROL, ...given }: Case): Decision {
  const { connection } = requestOf()
  const policy = loadPolicy(stringify({ version: '1', default: 'allow', pinning, rules: [], ...given.rest }))
  const call = {
    context: { ...connection, tool: TOOL, call: connection.connection },
    argumentsValue: {},
    signals: argumentSignals(DEPLOYMENT_KEY, 'read', {}),
    sessions: ['s'],
    shown: {
      ...{ tool: given.shown, instructions: given.instructions },
      ...(given.earlier === undefined ? {} : { earlier: given.earlier }),
    },
  }
  return decideCall(call, { policy, control, need: NO_CONTROL, pins: book, facts: factsOf() })
}

function verdict(given: Case): string {
  const { decision, reason } = decideOn(given)
  return `${decision} ${reason}`
}

describe('a call under enforce', () => {
  it('passes with the pinned definition, and with the approved one, which counts first', () => {
    assert.equal(verdict({ book: bookOf({ [TOOL]: A }), shown: A }), 'allow policy_default')
    assert.equal(verdict({ book: bookOf({ [TOOL]: A }), shown: B, control: approved(B) }), 'allow policy_default')
    assert.equal(verdict({ book: bookOf({ [TOOL]: A }), shown: A, control: approved(B) }), 'deny pin_changed')
  })

  it('is denied with another definition, with one that nobody pinned, and without any', () => {
    assert.equal(verdict({ book: bookOf({ [TOOL]: A }), shown: B }), 'deny pin_changed')
    assert.equal(verdict({ shown: A }), 'deny pin_unknown')
    assert.equal(verdict({}), 'deny pin_unknown')
  })

  it('on a connection that was shown no list goes by everything that any was shown', () => {
    assert.equal(verdict({ book: bookOf({ [TOOL]: A }) }), 'allow policy_default')
    assert.equal(verdict({ book: bookOf({ [TOOL]: A }, { [TOOL]: B }) }), 'deny pin_changed')
    assert.equal(verdict({ book: bookOf({ [TOOL]: A }, { [TOOL]: B }), control: approved(B) }), 'allow policy_default')
    assert.equal(verdict({ book: { ...bookOf({ [TOOL]: A }), isUnread: true } }), 'deny pin_changed')
    assert.equal(verdict({ control: approved(A) }), 'allow policy_default')
  })

  it('is denied while the instructions are not the pinned ones', () => {
    const book = bookOf({ [TOOL]: A, [INSTRUCTIONS]: A })
    assert.equal(verdict({ book, shown: A, instructions: A }), 'allow policy_default')
    assert.equal(verdict({ book, shown: A, instructions: B }), 'deny pin_changed')
    assert.equal(verdict({ book: bookOf({ [TOOL]: A }), shown: A, instructions: A }), 'deny pin_unknown')
  })

  it('on a connection of several clients is denied while one of them was shown another definition', () => {
    const book = bookOf({ [TOOL]: A, [INSTRUCTIONS]: A })
    const earlier = { tool: [B], instructions: [] }
    assert.equal(verdict({ book, shown: A, instructions: A, earlier }), 'deny pin_changed')
    assert.equal(
      verdict({ book, shown: A, instructions: A, earlier: { tool: [], instructions: [B] } }),
      'deny pin_changed',
    )
    const replaced = { tool: [A], instructions: [] }
    assert.equal(
      verdict({ book, shown: B, instructions: A, earlier: replaced, control: approved(B) }),
      'allow policy_default',
    )
  })

  it('is escalated where the policy says so, and stays denied where the file denies it', () => {
    const pinning = [{ mode: 'enforce', held: 'escalate' }]
    assert.equal(verdict({ pinning, shown: A }), 'escalate pin_unknown')
    assert.equal(verdict({ shown: A, rest: { default: 'deny' } }), 'deny policy_default')
  })
})

describe('a call under off or warn', () => {
  it('passes with any definition', () => {
    for (const pinning of ['off', 'warn'])
      assert.equal(verdict({ pinning, book: bookOf({ [TOOL]: A }), shown: B }), 'allow policy_default')
  })
})

describe('pinning of a policy', () => {
  it('is that of the first entry that matches the server, and warns where none does', () => {
    const pinning = [{ server: 'other', mode: 'off' }, { server: 'fi*', mode: 'enforce' }, { mode: 'off' }]
    assert.equal(verdict({ pinning, shown: A }), 'deny pin_unknown')
    assert.equal(verdict({ pinning: [{ server: 'mail', mode: 'enforce' }], shown: A }), 'allow policy_default')
  })

  it('is refused where it is misspelt, with the nearest key', () => {
    const errors = loadErrors('version: "1"\npinning: [{ sever: x, mode: enforced }]\nrules: []\n')
    assert.deepEqual(
      errors.map(({ message }) => message),
      [
        'unknown key "sever", did you mean "server"? (expected one of server, mode, held)',
        'expected off, warn or enforce',
      ],
    )
  })
})

/** Pins over a store in memory, and what they recorded. */
function benchOf(mode: PinningMode, stored: StoredDefinition[] = [], control: ControlView = EMPTY_CONTROL) {
  const notes: EventOf<'tools/listed'>[] = []
  const failures: unknown[] = []
  const pins = new Pins({
    server: 'files',
    store: {
      load: async () => [...stored],
      add: async (definitions) => void stored.push(...definitions),
    },
    catalogue: new Catalogue(),
    note: async (draft: EventDraft) => void notes.push(draft as EventOf<'tools/listed'>),
    mode: () => mode,
    nowMs: () => 0,
    control: () => control,
    controlRead: Promise.resolve(),
    fail: (error) => void failures.push(error),
  })
  const list = (digest: string, tool = TOOL): Promise<void> => {
    const fresh = [{ tool, digest, class: 'read' as const, hints: {}, markers: 0, text: '' }]
    return pins.listed({ context: requestOf().connection, fresh, changed: [], removed: [] })
  }
  return { pins, notes, failures, stored, list }
}

describe('pins of a run', () => {
  it('are what was seen first under warn, and nothing under enforce or off', async () => {
    for (const [mode, kept] of [
      ['warn', ['pinned']],
      ['enforce', ['seen']],
      ['off', []],
    ] as const) {
      const bench = benchOf(mode)
      await bench.list(A)
      assert.deepEqual(
        bench.stored.map(({ kind }) => kind),
        kept,
      )
      assert.equal(bench.notes[0]?.tools[0]?.pinned, mode === 'warn' ? A : undefined)
    }
  })

  it('are those of an earlier run: the first of a tool counts, and the last is what was seen', async () => {
    const stored: StoredDefinition[] = [
      { kind: 'pinned', tool: TOOL, digest: A },
      { kind: 'pinned', tool: TOOL, digest: B },
    ]
    const { pins } = benchOf('warn', stored)
    await pins.ready
    assert.deepEqual([pins.book.first.get(TOOL), [...(pins.book.seen.get(TOOL) ?? [])]], [A, [A, B]])
  })

  it('are kept once: a list that says the same adds nothing, one that differs is kept as seen', async () => {
    const bench = benchOf('warn')
    for (const digest of [A, A, B, B, A]) await bench.list(digest)
    assert.deepEqual(
      bench.stored.map(({ kind, digest }) => [kind, digest]),
      [
        ['pinned', A],
        ['seen', B],
      ],
    )
    assert.deepEqual(
      bench.notes.map(({ added, changed }) => [added.length, changed.length]),
      [
        [1, 0],
        [0, 0],
        [0, 1],
        [0, 1],
        [0, 0],
      ],
    )
  })

  it('of an operator count before what was seen first', async () => {
    const bench = benchOf('warn', [{ kind: 'pinned', tool: TOOL, digest: A }], approved(B))
    await bench.list(B)
    assert.deepEqual([bench.notes[0]?.changed, bench.notes[0]?.tools[0]?.pinned], [[], B])
  })

  it('are recorded as a whole where more is listed than an hour has room for, and still decided by', async () => {
    const bench = benchOf('warn')
    const fresh = Array.from({ length: MAX_LISTED_PER_CONNECTION }, (_, index) => ({
      ...{ tool: `t${index}`, digest: A, class: 'read' as const, hints: {}, markers: 0, text: '' },
    }))
    await bench.pins.listed({ context: requestOf().connection, fresh, changed: [], removed: [] })
    const before = bench.notes.length
    await bench.pins.listed({ context: requestOf().connection, fresh, changed: [], removed: ['gone'] })
    const [summary, ...more] = bench.notes.slice(before)
    assert.deepEqual([summary?.missed?.definitions, summary?.tools, more], [fresh.length + 1, [], []])
    assert.match(summary?.missed?.digest ?? '', /^[0-9a-f]{64}$/)
    assert.deepEqual([...(bench.pins.book.seen.get('t1') ?? [])], [A])
  })

  it('go into several events where one would be too large', async () => {
    const { pins, notes } = benchOf('warn')
    const fresh = Array.from({ length: 1_000 }, (_, index) => {
      return { tool: `tool_${index}`, digest: A, class: 'read' as const, hints: {}, markers: 0, text: '' }
    })
    await pins.listed({ context: requestOf().connection, fresh, changed: [], removed: ['gone'] })
    assert.ok(notes.length > 1)
    assert.equal(
      notes.reduce((sum, { tools }) => sum + tools.length, 0),
      1_000,
    )
    assert.ok(notes.every((note) => Buffer.byteLength(JSON.stringify(note)) < 60_000))
    assert.deepEqual(
      notes.flatMap(({ removed }) => removed),
      ['gone'],
    )
  })
})
