// The contract of the claims port: one register, whoever asks, and whatever answer is lost. Runs on every adapter.
import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import type { Claim, Claims } from '../../ledger/claims.ts'

/** How one adapter is opened. */
export interface ClaimsContract {
  readonly name: string
  readonly skip?: string
  /** A register that is new; each call of what it gives opens it once more, as another process does. */
  create(): Promise<() => Promise<Claims>>
}

const ROUNDS = 20
const KEY = '0123456789abcdef'

/** A claim with a recognisable root. */
export function testClaim(size: number, root = size, key = KEY): Claim {
  return { key, size, root: root.toString(16).padStart(64, '0') }
}

/** Runs the suite. */
export function describeClaims({ name, skip, create }: ClaimsContract): void {
  describe(`claims contract: ${name}`, { skip: skip ?? false }, () => {
    it('holds nothing at first, then what was put there last, for everybody', async () => {
      const open = await create()
      const [one, other] = [await open(), await open()]
      assert.equal(await one.findClaim(), undefined)
      assert.equal(await one.replaceClaim(undefined, testClaim(0)), true)
      assert.equal(await one.replaceClaim(testClaim(0), testClaim(5)), true)
      assert.deepEqual(plain(await one.findClaim()), testClaim(5))
      assert.deepEqual(plain(await (await open()).findClaim()), testClaim(5))
      assert.equal(await other.replaceClaim(testClaim(5), testClaim(6)), true)
    })

    it('refuses who expects something else, and changes nothing', async () => {
      const one = await (await create())()
      assert.equal(await one.replaceClaim(undefined, testClaim(3)), true)
      for (const stale of [undefined, testClaim(2), testClaim(3, 9), testClaim(3, 3, 'f'.repeat(16))])
        assert.equal(await one.replaceClaim(stale, testClaim(4)), false)
      assert.deepEqual(plain(await one.findClaim()), testClaim(3))
    })

    it('says yes again to a claim that is there, as its first answer may have been lost', async () => {
      const open = await create()
      const one = await open()
      await one.replaceClaim(undefined, testClaim(1))
      assert.equal(await one.replaceClaim(undefined, testClaim(1)), true)
      assert.equal(await (await open()).replaceClaim(undefined, testClaim(1)), true)
    })

    it('lets one of two win that begin at once', async () => {
      const open = await create()
      const [one, other] = [await open(), await open()]
      const won = await Promise.all([
        one.replaceClaim(undefined, testClaim(0, 0, 'a'.repeat(16))),
        other.replaceClaim(undefined, testClaim(0, 0, 'b'.repeat(16))),
      ])
      assert.equal(won.filter((each) => each).length, 1)
    })

    it('lets one of two win at every size, when both know the last', async () => {
      const open = await create()
      const both = [await open(), await open()]
      let last: Claim | undefined
      for (let size = 0; size < ROUNDS; size++) {
        const tries = both.map((_, index) => testClaim(size, 100 * size + index))
        const won = await Promise.all(both.map((each, index) => each.replaceClaim(last, tries[index] ?? testClaim(0))))
        assert.equal(won.filter((each) => each).length, 1, `size ${size}`)
        last = tries[won.indexOf(true)]
        for (const each of both) assert.deepEqual(plain(await each.findClaim()), last)
      }
    })
  })
}

function plain(claim: Claim | undefined): Claim | undefined {
  if (claim === undefined) return undefined
  const { key, size, root } = claim
  return { key, size, root }
}
