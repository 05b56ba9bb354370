// The definitions that gateways saw, in one file that several of them add to at once.
import assert from 'node:assert/strict'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, describe, it } from 'node:test'
import { createPinStore } from '../../cli/pin-file.ts'
import type { StoredDefinition } from '../../gateway/pins.ts'

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
