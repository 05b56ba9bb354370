// What a server or an agent named reaches the terminal as text alone: nothing moves the cursor, or turns a line around.
import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { visible, visibleLines } from '../../events/visible.ts'

const ERASING = 'evil\u001b[2K\rpinned'

describe('a name on the terminal', () => {
  it('has no control characters, no marks of direction, no invisible letters', () => {
    assert.equal(visible(ERASING), 'evil\\u001b[2K\\u000dpinned')
    assert.equal(visible('a\u202eb\u009bc\u200bd\u{e0041}e\u2028f'), 'a\\u202eb\\u009bc\\u200bd\\ue0041e\\u2028f')
    assert.equal(visible('a\nb'), 'a\\u000ab')
  })

  it('stays as it is where it is text, in any language', () => {
    assert.equal(visible('prüfe/日本語 💾'), 'prüfe/日本語 💾')
  })

  it('of several lines keeps its lines', () => {
    assert.equal(visibleLines(`a\n\t${ERASING}\u202e`), 'a\n\tevil\\u001b[2K\\u000dpinned\\u202e')
  })
})
