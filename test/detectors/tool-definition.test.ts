// D1: definitions that change, that can be taken for another server's, that speak of another server's tools. Lists in,
// findings out; a finding's rule is tried on definitions.
import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import type { Finding } from '../../detectors/detector.ts'
import { detectorSettings } from '../../detectors/settings.ts'
import { createToolDefinition } from '../../detectors/tool-definition.ts'
import type { EventOf } from '../../events/event.ts'
import { predicateHolds } from '../../events/rule.ts'
import { argumentSignals } from '../../events/signals.ts'
import { contextOf, DEPLOYMENT_KEY, type FoundAt, Story } from './story.ts'

const SETTINGS = detectorSettings.parse({}).toolDefinition
const HOUR_MS = 60 * 60 * 1000
const SIGNALS = argumentSignals(DEPLOYMENT_KEY, 'read', {})

type Entry = EventOf<'tools/listed'>['tools'][number]
interface List {
  readonly server?: string
  readonly session?: string
  readonly principal?: string
  readonly shadowing?: EventOf<'tools/listed'>['shadowing']
  readonly pinning?: 'off'
}

/** The digest of a definition with a letter. */
function digest(letter: string): string {
  return letter.charCodeAt(0).toString(16).padStart(64, '0')
}

function newStory(settings: Partial<typeof SETTINGS> = {}): Story<unknown> {
  return new Story<unknown>(createToolDefinition({ ...SETTINGS, ...settings }) as never)
}

/** A server's list; tools are `name:letter`, pinned at first sight unless they say otherwise (`name:letter:pinned`, `name:letter:`). */
function list(
  story: Story<unknown>,
  tools: readonly string[],
  { shadowing, pinning, ...who }: List = {},
): readonly FoundAt[] {
  const before = story.findings.length
  const { call: _, tool: _tool, ...context } = contextOf(who, '00000000-0000-7000-8000-000000000000')
  const entries = tools.map((text): Entry => {
    const [tool = '', letter = 'a', pinned = letter] = text.split(':')
    const markers = letter === letter.toUpperCase() ? { markers: 1 } : {}
    return {
      tool,
      digest: digest(letter),
      class: 'read',
      ...(pinned === '' ? {} : { pinned: digest(pinned) }),
      ...markers,
    }
  })
  const draft = { type: 'tools/listed' as const, ...context, tools: entries, added: [], removed: [], changed: [] }
  story.tell({
    ...draft,
    ...(shadowing === undefined ? {} : { shadowing }),
    ...(pinning === undefined ? {} : { pinning }),
  })
  return story.findings.slice(before)
}

function approve(story: Story<unknown>, tool: string, letter: string, server = 'files'): void {
  const by = { by: 'user:ann', reason: 'read it' }
  story.tell({ type: 'pin/approved', revision: 1, server, tool, digest: digest(letter), ...by }, { writer: 'api/main' })
}

function binds(finding: Finding | undefined, letter: string): boolean {
  const predicate = finding?.response?.arguments
  assert.ok(predicate)
  return predicateHolds(predicate, SIGNALS, { definitions: [digest(letter)] })
}

describe('tool-definition: a list of which no definition is recorded', () => {
  it('alerts: what is among it is judged by nobody', () => {
    const story = newStory()
    const { call: _, tool: _tool, ...context } = contextOf({}, '00000000-0000-7000-8000-000000000000')
    const missed = { definitions: 9_000, digest: digest('a') }
    story.tell({ type: 'tools/listed', ...context, tools: [], added: [], removed: [], changed: [], missed })
    const [finding] = story.findings
    assert.deepEqual([finding?.severity, finding?.response], ['high', undefined])
    assert.match(finding?.explanation ?? '', /9000 in this list/)
  })
})

describe('tool-definition: a change', () => {
  it('denies that definition, and neither the one before nor another tool', () => {
    const story = newStory()
    assert.deepEqual(list(story, ['read:a', 'write:a']), [])
    const [finding, ...more] = list(story, ['read:b:a', 'write:a'], { session: 's2' })
    assert.deepEqual(more, [])
    assert.equal(finding?.severity, 'high')
    assert.deepEqual(finding?.response?.scope, { principal: 'agent:a', server: 'files' })
    assert.deepEqual([finding?.response?.tool, finding?.response?.action], ['read', 'deny'])
    assert.deepEqual([binds(finding, 'a'), binds(finding, 'b')], [false, true])
  })

  it('is known by the gateway’s own pin, also where nothing was seen before', () => {
    const [finding] = list(newStory(), ['read:b:a'])
    assert.match(finding?.explanation ?? '', /^The server files changed the definition of read since it was pinned\./)
  })

  it('is known by what was seen, where the gateway pins nothing', () => {
    const story = newStory()
    list(story, ['read:a:'])
    assert.equal(list(story, ['read:b:'])[0]?.severity, 'high')
  })

  it('of many tools is one finding and one rule', () => {
    const story = newStory()
    const names = Array.from({ length: 30 }, (_, index) => `t${index}`)
    list(
      story,
      names.map((tool) => `${tool}:a`),
    )
    const [finding, ...more] = list(
      story,
      names.map((tool) => `${tool}:b:a`),
    )
    assert.deepEqual([more.length, finding?.response?.tool], [0, '*'])
    assert.match(finding?.explanation ?? '', /t0, t1, t2, t3, t4 and 25 more/)
  })

  it('that brings phrases for an agent is critical', () => {
    const story = newStory()
    list(story, ['read:a'])
    const [finding] = list(story, ['read:B:a'])
    assert.equal(finding?.severity, 'critical')
    assert.match(finding?.explanation ?? '', /now holds phrases that address an agent/)
  })

  it('of the instructions binds every tool of the server', () => {
    const story = newStory()
    list(
      story,
      ['server:instructions'].map((tool) => tool),
    )
    const context = contextOf({}, '00000000-0000-7000-8000-000000000000')
    const { call: _, tool: _tool, ...connection } = context
    const entry = { tool: 'server:instructions', digest: digest('b'), class: 'read' as const, pinned: digest('a') }
    story.tell({ type: 'tools/listed', ...connection, tools: [entry], added: [], removed: [], changed: [] })
    assert.equal(story.findings.at(-1)?.response?.tool, '*')
    assert.match(story.findings.at(-1)?.explanation ?? '', /changed the definition of its instructions/)
  })

  it('stays one until an operator approves it, and then the one before is', () => {
    const story = newStory()
    list(story, ['read:a'])
    assert.equal(list(story, ['read:b:a'], { session: 's2' }).length, 1)
    assert.equal(list(story, ['read:b:a'], { session: 's3' }).length, 1)
    approve(story, 'read', 'b')
    assert.deepEqual(list(story, ['read:b:b'], { session: 's4' }), [])
    assert.equal(list(story, ['read:a:b'], { session: 's5' }).length, 1)
  })

  it('escalates or only alerts, where the settings say so', () => {
    for (const [onChanged, action] of [
      ['escalate', 'escalate'],
      ['alert', undefined],
    ] as const) {
      const story = newStory({ onChanged })
      list(story, ['read:a'])
      assert.equal(list(story, ['read:b:a'])[0]?.response?.action, action)
    }
  })
})

describe('tool-definition: pinning off', () => {
  it('lets definitions change without a word', () => {
    const story = newStory()
    for (const letter of ['a', 'b', 'c']) assert.deepEqual(list(story, [`read:${letter}:`], { pinning: 'off' }), [])
  })
})

describe('tool-definition: a rule', () => {
  it('is renewed quietly before its hour is over, for a day at most', () => {
    const story = newStory()
    list(story, ['read:b:a'])
    const renewals: number[] = []
    for (let hour = 1; hour <= 30; hour++) {
      const before = story.findings.length
      story.wait(HOUR_MS).tell({ type: 'writer/heartbeat', monotonicMicros: 1 })
      if (story.findings.slice(before).some(({ isQuiet }) => isQuiet === true)) renewals.push(hour)
    }
    assert.deepEqual([renewals[0], renewals.length, renewals.at(-1)], [1, 23, 23])
  })

  it('is not renewed once the definition is approved', () => {
    const story = newStory()
    list(story, ['read:b:a'])
    approve(story, 'read', 'b')
    story.wait(HOUR_MS).tell({ type: 'writer/heartbeat', monotonicMicros: 1 })
    assert.equal(story.findings.length, 1)
  })
})

describe('tool-definition: a new tool', () => {
  it('named as, or almost as, one that another server had before waits for approval; the incumbent does not', () => {
    for (const tool of ['send_mail', 'sendMail', 'send_mial', 'send_mai1']) {
      const story = newStory()
      list(story, ['send_mail:a'], { server: 'mail' })
      list(story, ['send_mail:a'], { server: 'mail', session: 's2' })
      const [finding, ...more] = list(story, [`${tool}:n`], { server: 'notes', session: 's2' })
      assert.deepEqual([more.length, finding?.severity, finding?.response?.action], [0, 'high', 'escalate'], tool)
      assert.deepEqual(finding?.response?.scope, { principal: 'agent:a', server: 'notes' })
      assert.deepEqual([binds(finding, 'n'), binds(finding, 'a')], [true, false])
    }
  })

  it('that a session meets together with the other one only alerts: that is how it was set up', () => {
    const story = newStory()
    list(story, ['search:a'], { server: 'mail' })
    const [finding] = list(story, ['search:b'], { server: 'web' })
    assert.deepEqual([finding?.severity, finding?.response], ['low', undefined])
  })

  it('next to servers of other sessions, with another word, or of the same server, is nothing', () => {
    const story = newStory()
    list(story, ['get:a', 'send_mail:a'], { server: 'mail' })
    assert.deepEqual(list(story, ['send_mail:n'], { server: 'other', session: 's9' }), [])
    assert.deepEqual(list(story, ['set:n', 'send_male_order:n'], { server: 'notes' }), [])
    assert.deepEqual(list(story, ['send_mails:n'], { server: 'mail' }), [])
  })

  it('whose description names another server’s tool waits for approval', () => {
    const story = newStory()
    list(story, ['send_mail:a'], { server: 'mail' })
    const shadowing = [
      { server: 'notes', tool: 'add', otherServer: 'mail', otherTool: 'send_mail', how: 'names_it' as const },
    ]
    const [finding] = list(story, ['add:n'], { server: 'notes', shadowing })
    assert.match(finding?.explanation ?? '', /speaks of send_mail, a tool of server mail/)
    assert.equal(finding?.response?.action, 'escalate')
    assert.deepEqual(list(story, ['add:n'], { server: 'notes', session: 's2', shadowing }), [])
  })

  it('with phrases that address an agent alerts, and holds nothing by itself', () => {
    const [finding] = list(newStory(), ['read:B'])
    assert.deepEqual([finding?.severity, finding?.response], ['low', undefined])
  })
})

describe('tool-definition: benign lists', () => {
  it('say nothing: the same tools day by day, fewer of them, some that are new', () => {
    const story = newStory()
    for (let day = 0; day < 10; day++) {
      list(story, ['read:a', 'write:a', ...(day > 5 ? ['move:a'] : [])], { session: `s${day}` })
      list(story, ['read:a'], { session: `s${day}`, principal: 'agent:b' })
      story.wait(24 * HOUR_MS)
    }
    assert.deepEqual(story.findings, [])
  })

  it('of two versions at two gateways alert once, and hold nothing', () => {
    const story = newStory()
    list(story, ['read:a'])
    const [finding] = list(story, ['read:b'], { principal: 'agent:b' })
    assert.deepEqual([finding?.severity, finding?.response], ['low', undefined])
    assert.deepEqual(list(story, ['read:b'], { principal: 'agent:b' }), [])
    assert.deepEqual(list(story, ['read:a']), [])
  })

  it('keep the state bounded, whatever servers list', () => {
    const story = newStory()
    for (let server = 0; server < 30; server++)
      list(
        story,
        Array.from({ length: 300 }, (_, index) => `tool_${server}_${index}:a`),
        // Two servers a conversation: each list is compared with the other one's names, and no more.
        { server: `s${server}`, session: `c${Math.floor(server / 2)}` },
      )
    assert.ok(story.stateBytes() < 4_000_000)
  })
})
