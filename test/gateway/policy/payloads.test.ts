// The published attack strings of ../shared/data/payloads, each in a real sandbox; skipped where they are absent.
import assert from 'node:assert/strict'
import { existsSync, readFileSync, realpathSync } from 'node:fs'
import { dirname, join, resolve } from 'node:path'
import { after, describe, it } from 'node:test'
import { createSandbox, decideOn, policyWithin, sharedDirectory } from './support.ts'

const directory = join(sharedDirectory(), 'data/payloads')
const skip = existsSync(directory) ? false : `no ${directory}`
const sandbox = createSandbox()
const { root } = sandbox
after(sandbox.remove)

function linesOf(file: string): readonly string[] {
  const text = readFileSync(join(directory, file), 'utf8')
  return text.split('\n').filter((line) => line !== '' && !line.startsWith('#'))
}

/** Readings of the text: as it is, decoded, folded, with back-slashes as separators, without `file:`. */
function readingsOf(value: string): readonly string[] {
  const texts = new Set([value])
  for (const text of texts) {
    if (texts.size > 64) break
    for (const next of [
      decode(text),
      text.normalize('NFKC'),
      text.replace(/[∕⁄]/g, '/'),
      text.replaceAll('\\', '/'),
      text.replace(/^file:\/\//i, ''),
    ]) {
      texts.add(next)
    }
  }
  return [...texts]
}

function decode(text: string): string {
  return text.replace(/%[0-9a-f]{2}/gi, (code) => Buffer.from(code.slice(1), 'hex').toString('latin1'))
}

function toReal(path: string): string {
  if (path.includes('\0')) return '\0'
  try {
    return realpathSync(path)
  } catch {
    return join(toReal(dirname(path)), path.slice(path.lastIndexOf('/') + 1))
  }
}

/** True where every reading of the text opens a place in the root. */
function isInside(value: string): boolean {
  const places = readingsOf(value).map((text) => toReal(resolve(root, text.replace(/^~[^/]*/, '/home/someone'))))
  return places.every((place) => place === root || place.startsWith(`${root}/`))
}

/** What is refused for its form: it may stay inside for one server and leave for another. */
function isRefusedForm(value: string): boolean {
  return readingsOf(value).some((text) => /\.\.|^[A-Za-z]:|^\\\\|^~|%c[01]|file:\//i.test(text))
}

describe('path payloads', { skip }, () => {
  const policy = policyWithin({ allowedPaths: [root] })
  const isAllowed = (argumentsValue: unknown): boolean =>
    decideOn(policy, argumentsValue, { root }).decision === 'allow'
  const files = skip === false ? ['path-traversal.txt', 'file-system.txt', 'parameter-pollution.txt'] : []
  const prefixes = ['', `${root}/`, `${root}/inside/`, `${root}/out/`, `${root}/secret/`, `file://${root}/`]

  for (const file of files) {
    it(`lead nowhere outside: ${file}`, (test) => {
      let tried = 0
      for (const line of linesOf(file)) {
        for (const value of prefixes.map((prefix) => prefix + line)) {
          tried += 1
          if (isAllowed({ path: value })) assert.ok(isInside(value), `allowed: ${value}`)
          else assert.ok(!isInside(value) || isRefusedForm(value), `denied: ${value}`)
        }
      }
      test.diagnostic(`${tried} strings`)
    })

    it(`are denied within a text where they name an absolute path or a parent: ${file}`, () => {
      for (const line of linesOf(file)) {
        if (!/(?:^|[\s"'`:])(?:\/\w|~|\.\.[/\\])/.test(line) || /^\{.*\/\*/.test(line)) continue
        assert.ok(!isAllowed({ path: root, command: line }), line)
      }
    })
  }

  it('are denied as whole arguments where they name a place outside', () => {
    const outward = /"(?:\/\w|\.\.\/|[^"]*\/\.\.\/|%2e|%252e)/
    let tried = 0
    for (const line of files.flatMap(linesOf)) {
      if (!line.startsWith('{') || !outward.test(line) || !isJson(line)) continue
      tried += 1
      assert.ok(!isAllowed({ path: root, ...JSON.parse(line) }), line)
    }
    assert.ok(tried >= 15, `${tried} tried`)
  })
})

function isJson(line: string): boolean {
  try {
    JSON.parse(line)
    return true
  } catch {
    return false
  }
}

describe('network payloads', { skip }, () => {
  const listed = policyWithin({ allowedDomains: ['api.example.com', '*.example.org'] })
  const anyPublic = policyWithin({ allowedDomains: ['*'] })
  const lines = skip === false ? linesOf('network.txt') : []
  const urls = lines.flatMap((line) => line.match(/[a-z]+:\/\/\S+/g) ?? [])

  it('are denied as a URL, whole or alone', () => {
    assert.ok(urls.length > 60)
    for (const url of [...lines, ...urls]) assert.equal(decideOn(listed, { url }).reason, 'constraint_domain', url)
  })

  it('are denied within a text beside an allowed URL', () => {
    for (const line of lines.filter((text) => text.includes('://') && !text.includes('file:'))) {
      assert.equal(decideOn(listed, { url: 'https://api.example.com/', note: line }).decision, 'deny', line)
    }
  })

  it('reach no private address where every public host is allowed', () => {
    const isPrivate =
      /127[.)]|127%|192\.168|169\.254|0\.0\.0\.0|::1|localhost|internal$|\.svc|2130706433|0177|01770|0x7f|①|\.local\b|100\.100/
    for (const url of urls.filter((text) => isPrivate.test(text.split('/')[2] ?? ''))) {
      assert.equal(decideOn(anyPublic, { url }).decision, 'deny', url)
    }
  })
})
