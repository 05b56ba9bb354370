// Places for held answers: as many at once as their size allows, first come first served, and none waits for ever.
import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { AnswerRoom } from '../../../gateway/http/answer-room.ts'

const MEBIBYTE = 1024 * 1024
/** Two places up to 256 KiB, one up to 1 MiB, one up to 8 MiB. */
const newRoom = (): AnswerRoom =>
  new AnswerRoom({ heldBytes: 2 * MEBIBYTE, answerBytes: MEBIBYTE, longAnswerBytes: 8 * MEBIBYTE })

/** Grows an answer and says when it may. */
function grow(room: AnswerRoom, bytes: number): { readonly held: ReturnType<AnswerRoom['hold']>; isIn: boolean } {
  const entry = { held: room.hold(), isIn: false }
  entry.held.grow(bytes).then(
    () => {
      entry.isIn = true
    },
    () => undefined,
  )
  return entry
}

const turn = (): Promise<void> => new Promise((resolve) => setImmediate(resolve))

describe('AnswerRoom', () => {
  it('lets small answers in, however many there are', async () => {
    const room = newRoom()
    const entries = Array.from({ length: 1_000 }, () => grow(room, 32 * 1024))
    await turn()
    assert.ok(entries.every(({ isIn }) => isIn))
  })

  it('lets as many larger ones in as there are places, the others in their order as places come free', async () => {
    const room = newRoom()
    const entries = Array.from({ length: 4 }, () => grow(room, 200 * 1024))
    await turn()
    assert.deepEqual(
      entries.map(({ isIn }) => isIn),
      [true, true, false, false],
    )
    entries[1]?.held.release()
    await turn()
    assert.deepEqual(
      entries.map(({ isIn }) => isIn),
      [true, true, true, false],
    )
  })

  it('gives a place back once what was held is gone', async () => {
    const room = newRoom()
    const [first, second] = [grow(room, MEBIBYTE), grow(room, MEBIBYTE)]
    await turn()
    await first.held.grow(100)
    await turn()
    assert.ok(second.isIn)
  })

  it('lets every answer through that grows step by step', async () => {
    const room = newRoom()
    const sizes = [20, 100, 300, 900, 2_000, 9_000].map((kibibytes) => kibibytes * 1024)
    const through = Array.from({ length: 20 }, async () => {
      const held = room.hold()
      for (const bytes of sizes) await held.grow(bytes)
      held.release()
    })
    assert.equal((await Promise.all(through)).length, 20)
  })
})
