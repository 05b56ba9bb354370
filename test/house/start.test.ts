// What a gateway loads while its client waits: the server is started before anything else, and lines pass before what decides
// and records is there. One import in the wrong place costs a client fifty milliseconds, and no other test would notice.
import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import { dirname, join, relative } from 'node:path'
import { describe, it } from 'node:test'

const compiled = join(import.meta.dirname, '..', '..')
const STATIC_IMPORT = /^(?:import|export)\s[^'"]*?from '([^']+)'|^import '([^']+)'/gm

/** Every module that is loaded with one, by static imports; packages by their names. */
function loadedWith(file: string): ReadonlySet<string> {
  const loaded = new Set<string>()
  const waiting = [join(compiled, file)]
  for (let next = waiting.pop(); next !== undefined; next = waiting.pop()) {
    const path = next
    if (loaded.has(relative(compiled, path))) continue
    loaded.add(relative(compiled, path))
    for (const [, named, bare] of readFileSync(path, 'utf8').matchAll(STATIC_IMPORT)) {
      const target = named ?? bare ?? ''
      if (target.startsWith('.')) waiting.push(join(dirname(path), target))
      else if (!target.startsWith('node:')) loaded.add(target)
    }
  }
  return loaded
}

function packagesOf(file: string): readonly string[] {
  return [...loadedWith(file)].filter((name) => !name.endsWith('.js'))
}

describe('before its server is started a gateway loads', () => {
  it('commander, and no other package', () => {
    assert.deepEqual(packagesOf('cli/main.js'), ['commander'])
    assert.deepEqual(packagesOf('cli/gateway-command.js'), [])
  })

  it('nothing that carries lines', () => {
    assert.equal(loadedWith('cli/gateway-command.js').has('gateway/stdio/stdio-gateway.js'), false)
  })
})

describe('before its server has answered a gateway loads', () => {
  it('what carries lines, and no package', () => {
    assert.equal(loadedWith('cli/carry-connection.js').has('gateway/stdio/stdio-gateway.js'), true)
    assert.deepEqual(packagesOf('cli/carry-connection.js'), [])
  })
})
