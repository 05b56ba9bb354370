// Cosignatures checked by programs that are not ours: Go's sumdb/note with the cosignature/v1 of transparency-dev/formats
// accepts a checkpoint that our witness cosigned, and refuses one that was edited. Needs Go; says so where there is none.
import assert from 'node:assert/strict'
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { after, before, describe, it } from 'node:test'
import { ledgerSettings } from '../../ledger/settings.ts'
import { Cosigning } from '../../ledger/witness/cosigning.ts'
import { buildCosignatureCheck, goProblem, runCosignatureCheck } from '../support/go-tools.ts'
import { temporaryDirectory } from '../support/ledger-harness.ts'
import { TestTree } from '../support/test-tree.ts'
import { startTestWitness, type TestWitness } from '../support/test-witness.ts'

const TIME = 1_795_000_000
const skip = goProblem() ?? false

describe('a cosigned checkpoint', { skip }, () => {
  const place = temporaryDirectory()
  const tree = new TestTree(place.path)
  const file = join(place.path, 'checkpoint')
  let witness: TestWitness
  let note: string
  before(async () => {
    await buildCosignatureCheck()
    const directory = join(place.path, 'witness')
    witness = await startTestWitness(directory, 'witness.example/w1', { logs: [tree.vkey], nowSeconds: () => TIME })
    const cosigning = new Cosigning({
      settings: ledgerSettings.parse({ witnesses: [{ url: witness.url, vkey: witness.vkeyText }] }),
      reader: tree.reader,
      publish: (cosigned, isQuorum) => tree.files.publishCosigned(cosigned, isQuorum),
      nowMs: () => 0,
    })
    cosigning.offer(await tree.grow(700))
    await cosigning.round()
    note = (await tree.reader.checkpoint())?.note ?? ''
  })
  after(async () => {
    await witness.running.stop()
    place.remove()
  })

  it("is accepted by Go's packages, with the time of the witness", async () => {
    writeFileSync(file, note)
    const { output } = await runCosignatureCheck(tree.vkey, witness.vkeyText, file)
    assert.equal(output, `cosigned ${TIME}\n`)
  })

  it('is refused by them, when its size was changed or the cosignature is of another tree', async () => {
    const larger = await tree.grow(1)
    const stolen = note.slice(note.indexOf('— witness.example/w1'))
    for (const forged of [note.replace('\n700\n', '\n701\n'), larger + stolen, larger]) {
      writeFileSync(file, forged)
      assert.equal((await runCosignatureCheck(tree.vkey, witness.vkeyText, file)).succeeded, false)
    }
  })
})
