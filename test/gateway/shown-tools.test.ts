// What one connection was shown, list after list: added, changed, removed, pages, and one tool on two pages.
import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { ShownTools } from '../../gateway/shown-tools.ts'
import { MAX_DEFINITIONS, MAX_TOOLS, type ToolPage, UNREAD_PAGE, UNREAD_STATEMENT } from '../../gateway/tool-list.ts'

function page(tools: Readonly<Record<string, string>>, isLast = true): ToolPage {
  const entries = Object.entries(tools)
  return {
    tools: entries.map(([tool, digest]) => ({ tool, digest, hints: {}, markers: 0, text: '' })),
    isLast,
    isWhole: true,
  }
}

/** The names of what a list changed. */
function take(shown: ShownTools, tools: ToolPage, isFirst = true): readonly (readonly string[])[] {
  const { fresh, changed, removed } = shown.take(tools, isFirst)
  return [fresh.map(({ tool }) => tool), changed, removed]
}

describe('lists of one connection', () => {
  it('say what is new, changed and gone', () => {
    const shown = new ShownTools()
    assert.deepEqual(take(shown, page({ a: '1', b: '1' })), [['a', 'b'], [], []])
    assert.deepEqual(take(shown, page({ a: '1', b: '2', c: '1' })), [['b', 'c'], ['b'], []])
    assert.deepEqual(take(shown, page({ c: '1' })), [[], [], ['a', 'b']])
    assert.deepEqual([shown.shownOf('a').tool, shown.shownOf('c').tool], [undefined, '1'])
  })

  it('lose nothing between their pages; what no page names is gone after the last', () => {
    const shown = new ShownTools()
    take(shown, page({ a: '1', b: '1' }))
    assert.deepEqual(take(shown, page({ a: '1' }, false)), [[], [], []])
    assert.deepEqual(take(shown, page({ c: '1' }), false), [['c'], [], ['b']])
  })

  it('remove nothing where the first page was not seen', () => {
    const shown = new ShownTools()
    take(shown, page({ a: '1' }))
    assert.deepEqual(take(shown, page({ b: '1' }), false), [['b'], [], []])
  })

  it('that name a tool on two pages with two definitions show neither of them', () => {
    const [one, other] = [new ShownTools(), new ShownTools()]
    take(one, page({ a: '1' }, false))
    assert.deepEqual(take(one, page({ a: '2' }), false), [['a'], ['a'], []])
    take(other, page({ a: '2' }, false))
    take(other, page({ a: '1' }), false)
    assert.equal(one.shownOf('a').tool, other.shownOf('a').tool)
    assert.ok(!['1', '2', undefined].includes(one.shownOf('a').tool))
  })

  it('of which one page was not read leave nobody pinned, until a list is read again', () => {
    const shown = new ShownTools()
    take(shown, page({ a: '1' }))
    shown.take(UNREAD_PAGE, true)
    assert.equal(shown.shownOf('a').tool, '0'.repeat(64))
    take(shown, page({ b: '1' }), false)
    assert.equal(shown.shownOf('a').tool, '0'.repeat(64))
    take(shown, page({ a: '1' }))
    assert.equal(shown.shownOf('a').tool, '1')
  })

  it('take no more tools than the limit', () => {
    const shown = new ShownTools()
    const names = Array.from({ length: MAX_TOOLS + 1 }, (_, index) => [`t${index}`, '1'] as const)
    assert.equal(shown.take(page(Object.fromEntries(names)), true).fresh.length, MAX_TOOLS)
    assert.equal(shown.shownOf('t0').tool, '0'.repeat(64))
  })
})

describe('a statement of the server', () => {
  it('is news once', () => {
    const shown = new ShownTools()
    const statement = { serverInfo: '1', instructions: '2', markers: 0 }
    assert.deepEqual([shown.takeStatement(statement), shown.takeStatement({ ...statement })], [true, false])
    assert.equal(shown.shownOf('a').instructions, '2')
  })

  it('that was not read is that of nobody, until one is read', () => {
    const shown = new ShownTools()
    const statement = { instructions: '2', markers: 0 }
    shown.takeStatement(statement)
    shown.takeStatement(UNREAD_STATEMENT)
    assert.equal(shown.shownOf('a').instructions, '0'.repeat(64))
    shown.takeStatement(statement)
    assert.equal(shown.shownOf('a').instructions, '2')
  })
})

describe('a connection that several clients may share', () => {
  it('keeps what it was shown before: one of them may still know it', () => {
    const shown = new ShownTools({ isShared: true })
    take(shown, page({ a: '1', b: '1' }))
    take(shown, page({ a: '2', b: '1' }))
    assert.deepEqual([shown.shownOf('a').tool, shown.shownOf('a').earlier?.tool], ['2', ['1']])
    assert.deepEqual(shown.shownOf('b').earlier?.tool, [])
    take(shown, page({ b: '1' }))
    assert.deepEqual([shown.shownOf('a').tool, shown.shownOf('a').earlier?.tool], [undefined, ['1', '2']])
  })

  it('keeps earlier instructions, and those that were not read', () => {
    const shown = new ShownTools({ isShared: true })
    shown.takeStatement({ instructions: '1', markers: 0 })
    shown.takeStatement(UNREAD_STATEMENT)
    shown.takeStatement({ instructions: '2', markers: 0 })
    assert.deepEqual(shown.shownOf('a').earlier?.instructions, ['1', '0'.repeat(64)])
  })

  it('stays unread after a list that was not read', () => {
    const shown = new ShownTools({ isShared: true })
    shown.take(UNREAD_PAGE, true)
    take(shown, page({ a: '1' }))
    assert.equal(shown.shownOf('a').tool, '0'.repeat(64))
  })

  it('keeps no more of a tool than it takes to hold it', () => {
    const shown = new ShownTools({ isShared: true })
    for (let count = 0; count < 50; count++) take(shown, page({ a: String(count) }))
    assert.equal(shown.shownOf('a').earlier?.tool.length, MAX_DEFINITIONS)
  })
})
