// A soak at full speed: many calls, 16 at once, through one gateway on the embedded log. Every call is answered, every call
// has its propose, its decide and its receipt in the log, and the memory of the gateway does not grow with their number.
// 20,000 calls each way; bench/soak.bench.ts makes a million.
import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { soak } from '../support/soak.ts'

const CALLS = 20_000
const LOOKS = 10
/** What a heap may breathe between two looks; a leak of 2 kB a call would be more. */
const MAX_GROWTH_MEGABYTES = 20

describe('many calls at full speed', () => {
  for (const transport of ['stdio', 'http'] as const)
    it(`leave nothing unrecorded and no memory behind, over ${transport}`, async () => {
      const { looks, audit } = await soak({ transport, calls: CALLS, inFlight: 16, lookEvery: CALLS / LOOKS })
      assert.deepEqual([audit.complete, audit.open, audit.problems], [CALLS, 0, []])
      const memory = looks.map(({ resident }) => resident)
      const settled = Math.max(...memory.slice(0, LOOKS / 2))
      assert.ok(Math.max(...memory.slice(LOOKS / 2)) - settled <= MAX_GROWTH_MEGABYTES, memory.join(' '))
    })
})
