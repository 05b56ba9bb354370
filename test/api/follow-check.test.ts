// A reader of the log that hangs says nothing; readiness notices it by what the process itself has written.
import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { createFollowCheck } from '../../api/follow-check.ts'
import { TestClock } from '../support/chain-bench.ts'

interface Bench {
  readonly clock: TestClock
  /** The last event of the process's own chain, written and read back. */
  written: number
  read: number | undefined
  problem: string | undefined
  find(): string | undefined
}

function createBench(): Bench {
  const clock = new TestClock()
  const bench: Bench = { clock, written: 2, read: undefined, problem: undefined, find: () => undefined }
  const check = createFollowCheck({
    clock,
    chainWriter: {
      chain: 'api/main/1',
      get head() {
        return { sequence: bench.written, hash: '0'.repeat(64) }
      },
    },
    feed: {
      get problem() {
        return bench.problem
      },
      sequenceOf: () => bench.read,
    },
  })
  return Object.assign(bench, { find: () => check.findProblem() as string | undefined })
}

describe('readiness of what follows the log', () => {
  it('asks for nothing that was written before it began', () => {
    const bench = createBench()
    for (let look = 0; look < 5; look++) {
      assert.equal(bench.find(), undefined)
      bench.clock.advance(60_000)
    }
  })

  it('is lost when what was written is not read back for ten seconds, and is back with it', () => {
    const bench = createBench()
    bench.find()
    bench.written = 3
    assert.equal(bench.find(), undefined)
    bench.clock.advance(11_000)
    assert.match(bench.find() ?? '', /written 11 s ago .* hangs/)
    bench.read = 3
    assert.equal(bench.find(), undefined)
  })

  it('stays while all that is written is read, however much is', () => {
    const bench = createBench()
    for (bench.written = 3; bench.written < 40; bench.written++) {
      assert.equal(bench.find(), undefined)
      bench.clock.advance(8_000)
      bench.read = bench.written
    }
  })

  it('is lost at once when the feed has stopped', () => {
    const bench = createBench()
    bench.problem = 'the event log can not be read'
    assert.equal(bench.find(), bench.problem)
  })
})
