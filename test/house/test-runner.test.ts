// The test command itself: what it runs, what it leaves out, and that nothing tested is no success.
import assert from 'node:assert/strict'
import { spawnSync } from 'node:child_process'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { describe, it } from 'node:test'
import { pathToFileURL } from 'node:url'
import { projectRoot } from '../support/project-root.ts'
import { RunSummary } from '../support/run-summary.ts'
import { SourcePlaces } from '../support/source-places.ts'
import { entryOf, groupTests } from '../support/test-groups.ts'
import { makeTestHome } from '../support/test-home.ts'
import { findStaleTests, parseTestRequest, selectTests } from '../support/test-selection.ts'

const files = ['events/log.test.js', 'real/kill.test.js', 'contract/kafka-log.test.js', 'events/hash.test.js']

describe('selectTests', () => {
  it('takes every file but the real ones, sorted, when nothing is asked', () => {
    const selected = selectTests(files, parseTestRequest([]))
    assert.deepEqual(selected, ['contract/kafka-log.test.js', 'events/hash.test.js', 'events/log.test.js'])
  })

  it('takes the real ones only, when --real is given', () => {
    assert.deepEqual(selectTests(files, parseTestRequest(['--real'])), ['real/kill.test.js'])
  })

  it('takes the files whose path contains a filter', () => {
    assert.deepEqual(selectTests(files, parseTestRequest(['kafka', 'hash'])), [
      'contract/kafka-log.test.js',
      'events/hash.test.js',
    ])
  })

  it('leaves out the files whose path contains a filter that begins with an exclamation mark', () => {
    assert.deepEqual(selectTests(files, parseTestRequest(['!kafka', '!log'])), ['events/hash.test.js'])
  })
})

describe('parseTestRequest', () => {
  it('refuses an option it does not know', () => {
    assert.throws(() => parseTestRequest(['--reel']), /unknown option --reel/)
  })
})

describe('findStaleTests', () => {
  it('names the compiled tests without a source', () => {
    assert.deepEqual(findStaleTests(['a/x.test.js', 'a/y.test.js'], ['a/x.test.ts']), ['a/y.test.js'])
  })
})

describe('RunSummary', () => {
  it('repeats nothing, when the counts come last', () => {
    const summary = summarize(['✔ it works', 'ℹ tests 2', 'ℹ pass 2', 'ℹ duration_ms 12.5', ''])
    assert.equal(summary.count('tests'), 2)
    assert.deepEqual(summary.repeat(), [])
  })

  it('repeats the counts, when failures are told after them', () => {
    const summary = summarize(['\u001b[34mℹ tests 1\u001b[39m', 'ℹ fail 1', '', '✖ failing tests:', '  AssertionError'])
    assert.deepEqual(summary.repeat(), ['ℹ tests 1', 'ℹ fail 1'])
  })

  it('knows no count, when the runner died before them', () => {
    assert.equal(summarize(['✔ it works']).count('tests'), undefined)
  })
})

describe('SourcePlaces', () => {
  const places = new SourcePlaces(projectRoot)

  it('says where compiled code is in its source, whichever way the place is written', () => {
    const compiled = new Error('here').stack?.split('\n')[1] ?? ''
    assert.match(compiled, /dist\/test\/house\/test-runner\.test\.js:/)
    assert.match(places.translate(compiled), /[ (]test\/house\/test-runner\.test\.ts:\d+:\d+\)?$/)
    const [, place = ''] = compiled.match(/(dist\/.*?:\d+:\d+)/) ?? []
    assert.match(places.translate(`test at ${place}`), /^test at test\/house\/test-runner\.test\.ts:\d+:\d+$/)
  })

  it('leaves alone what has no source', () => {
    const line = 'at none (file:///elsewhere/dist/none.js:1:2) and node:internal/modules:3:4'
    assert.equal(places.translate(line), line)
  })
})

describe('makeTestHome', () => {
  it('is on the disk, when that is asked for', (context) => {
    const home = makeTestHome(true)
    context.after(() => rmSync(home, { recursive: true }))
    assert.equal(dirname(home), tmpdir())
  })
})

describe('run', () => {
  it('fails, when no test file matches', () => {
    const program = join(import.meta.dirname, '../support/run.js')
    const result = spawnSync(process.execPath, [program, 'no-such-test'], { encoding: 'utf8' })
    assert.equal(result.status, 1)
    assert.match(result.stderr, /no test file matches: no-such-test/)
  })
})

function summarize(lines: readonly string[]): RunSummary {
  const summary = new RunSummary()
  for (const line of lines) summary.add(line)
  return summary
}

describe('which test files share a process', () => {
  const many = Array.from({ length: 30 }, (_, index) => `events/file-${index}.test.js`)

  it('keeps apart what touches its process', () => {
    const texts = new Map([
      ['events/file-1.test.js', 'before(async () => {})'],
      ['events/file-2.test.js', "process.env.HOME = '/x'"],
      ['events/file-3.test.js', "describe('x', () => {\n  before(() => {})\n})"],
    ])
    const { alone, together } = groupTests(many, (file) => texts.get(file) ?? '')
    assert.deepEqual(alone, ['events/file-2.test.js'])
    assert.deepEqual([...alone, ...together.flat()].toSorted(), many.toSorted())
  })

  it('runs few files each by itself', () => {
    assert.deepEqual(
      groupTests(many.slice(0, 5), () => ''),
      { alone: many.slice(0, 5), together: [] },
    )
  })
})

describe('files that share a process', () => {
  it('have hooks of their own, and one that does not load fails alone', (context) => {
    const directory = mkdtempSync(join(tmpdir(), 'toolwarden-together-'))
    context.after(() => rmSync(directory, { recursive: true }))
    const texts = [
      "beforeEach(() => { globalThis.seen = 'one' }); it('one', () => assert.equal(globalThis.seen, 'one'))",
      "it('two', () => assert.equal(globalThis.seen, undefined)); after(() => { globalThis.seen = undefined })",
      "import './none.mjs'",
    ]
    const imports = "import assert from 'node:assert/strict'; import { after, beforeEach, it } from 'node:test'\n"
    const files = ['b', 'a', 'c'].map((name, index) => {
      const path = join(directory, `${name}.mjs`)
      writeFileSync(path, imports + (texts[[1, 0, 2][index] ?? 0] ?? ''))
      return { name, url: pathToFileURL(path).href }
    })
    writeFileSync(join(directory, 'entry.mjs'), entryOf(files))
    const { NODE_TEST_CONTEXT: _, ...env } = process.env
    const { stdout } = spawnSync(process.execPath, ['--test', '--test-reporter=spec', join(directory, 'entry.mjs')], {
      encoding: 'utf8',
      env,
    })
    assert.match(stdout, /✔ two[\s\S]*✔ one[\s\S]*✖ c/)
    assert.match(stdout, /ℹ tests 2\n[\s\S]*ℹ pass 2/)
  })
})
