// The definitions that gateways saw, in one file that several of them add to at once.
import assert from 'node:assert/strict'
import { appendFileSync, mkdtempSync, readFileSync, rmSync, truncateSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, describe, it } from 'node:test'
import { createPinStore, repairPins } from '../../cli/pin-file.ts'
import type { StoredDefinition } from '../../gateway/pins.ts'
import { withCode } from '../support/errors.ts'

const data = mkdtempSync(join(tmpdir(), 'toolwarden-pin-file-'))
after(() => rmSync(data, { recursive: true }))

function definitionsOf(prefix: string): readonly StoredDefinition[] {
  const name = `${prefix}${'x'.repeat(300)}`
  return Array.from({ length: 4_000 }, (_, index) => ({
    kind: 'pinned',
    tool: `${name}${index}`,
    digest: 'a'.repeat(64),
  }))
}

describe('the file of pins', () => {
  it('takes the large lists of two gateways at once, each whole', async () => {
    const [one, other] = [createPinStore(data, 'files'), createPinStore(data, 'files')]
    await Promise.all([one.add(definitionsOf('a')), other.add(definitionsOf('b'))])
    assert.equal((await one.load()).length, 8_000)
  })
})

describe('a file of pins whose last write was cut off', () => {
  const one: StoredDefinition = { kind: 'pinned', tool: 'one', digest: 'a'.repeat(64) }
  const two: StoredDefinition = { kind: 'seen', tool: 'two', digest: 'b'.repeat(64) }
  const whole = `${JSON.stringify(one)}\n`

  it('is read without it at every byte, and the next write begins a line of its own', async () => {
    const [store, path] = [createPinStore(data, 'cut'), join(data, 'pins', 'cut.jsonl')]
    await store.add([one])
    for (let end = whole.length + 1; end < 2 * whole.length - 1; end += 7) {
      appendFileSync(path, whole.slice(0, end - whole.length))
      assert.deepEqual(await store.load(), [one])
      await store.add([two])
      assert.deepEqual(await store.load(), [one, two])
      truncateSync(path, whole.length)
    }
  })

  it('is read where an earlier version went on in the same line', async () => {
    const [store, path] = [createPinStore(data, 'glued'), join(data, 'pins', 'glued.jsonl')]
    await store.add([one])
    appendFileSync(path, `{"kind":"pinned","tool":"x${JSON.stringify(two)}\n`)
    assert.deepEqual(await store.load(), [one, two])
  })
})

describe('a damaged file of pins', () => {
  const one: StoredDefinition = { kind: 'pinned', tool: 'one', digest: 'a'.repeat(64) }

  for (const [name, line] of [
    ['other JSON', '{"tool":"x"}'],
    ['no text at all', '\0\0\0'],
    ['a kind that is none', '{"kind":"liked","tool":"x","digest":"y"}'],
  ] as const)
    it(`is refused with the command that repairs it: ${name}`, async () => {
      const server = `damaged-${name.replaceAll(' ', '-')}`
      const [store, path] = [createPinStore(data, server), join(data, 'pins', `${server}.jsonl`)]
      await store.add([one])
      appendFileSync(path, `${line}\n`)
      const before = readFileSync(path)
      await assert.rejects(store.load(), { code: 'CONFIG_INVALID', fix: `toolwarden pin repair ${server}` })
      const { keptAs, dropped, kept } = await repairPins(data, server, '1')
      assert.deepEqual([dropped, kept, await store.load()], [[2], 1, [one]])
      assert.deepEqual(readFileSync(keptAs ?? ''), before)
    })

  it('is left alone where nothing is wrong, and named where there is none', async () => {
    await createPinStore(data, 'fine').add([one])
    assert.deepEqual((await repairPins(data, 'fine', '1')).keptAs, undefined)
    await assert.rejects(repairPins(data, 'none', '1'), withCode('CONFIG_INVALID', /no gateway has kept/))
  })
})
