// `--upstream "<command>"` is split as sh would, without expanding anything.
import assert from 'node:assert/strict'
import { execFileSync } from 'node:child_process'
import { describe, it } from 'node:test'
import fc from 'fast-check'
import { splitCommand } from '../../cli/command-line.ts'
import { withCode } from '../support/errors.ts'

describe('splitCommand', () => {
  const table: Readonly<Record<string, readonly string[]>> = {
    'npx @modelcontextprotocol/server-filesystem /tmp': ['npx', '@modelcontextprotocol/server-filesystem', '/tmp'],
    '  a \t b\n': ['a', 'b'],
    '"a b" c\'d e\'f': ['a b', 'cd ef'],
    'a "" \'\'': ['a', '', ''],
    'a\\ b "\\"\\\\\\x" \'\\\'': ['a b', '"\\\\x', '\\'],
    '$HOME *': ['$HOME', '*'],
    '': [],
  }
  for (const [text, words] of Object.entries(table)) {
    it(`splits ${JSON.stringify(text)}`, () => assert.deepEqual(splitCommand(text), words))
  }

  it('gives back what was quoted for sh', () => {
    const quote = (word: string): string => `'${word.replaceAll("'", "'\\''")}'`
    fc.assert(
      fc.property(fc.array(fc.string()), (words) => assert.deepEqual(splitCommand(words.map(quote).join(' ')), words)),
      { seed: 4 },
    )
  })

  it('agrees with sh, where sh expands nothing', { skip: process.platform === 'win32' && 'needs sh' }, () => {
    const text = `a 'b  c' "d\\"e" f\\ g "h'i" 'j"k' "" l"m"'n'o`
    const words = execFileSync('sh', ['-c', `printf '%s\\n' ${text}`], { encoding: 'utf8' })
      .split('\n')
      .slice(0, -1)
    assert.deepEqual(splitCommand(text), words)
  })

  it('refuses a quote that is not closed', () => {
    assert.throws(() => splitCommand('a "b'), withCode('USAGE', /" is not closed/))
    assert.throws(() => splitCommand("a 'b"), withCode('USAGE', /' is not closed/))
  })
})
