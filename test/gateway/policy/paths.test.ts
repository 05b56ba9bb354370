// Path arguments and constraints, against the operating system's own answers.
import assert from 'node:assert/strict'
import { realpathSync } from 'node:fs'
import { join, resolve } from 'node:path'
import { after, describe, it } from 'node:test'
import fc from 'fast-check'
import { createSandbox, decideOn, policyWithin } from './support.ts'

const sandbox = createSandbox()
const { root, outside } = sandbox
after(sandbox.remove)
const policy = policyWithin({
  allowedPaths: [`${root}/`],
  deniedPaths: ['**/.env', '**/.ssh/**', 'private/'],
  notPaths: ['content', 'options.text'],
})

function isAllowed(argumentsValue: unknown): boolean {
  const decision = decideOn(policy, argumentsValue, { root })
  if (decision.decision !== 'allow') assert.equal(decision.reason, 'constraint_path', decision.text)
  return decision.decision === 'allow'
}

describe('allowedPaths', () => {
  const inside: readonly (readonly [string, unknown])[] = [
    ['the root itself', { path: root }],
    ['a file', { path: join(root, 'docs/a.txt') }],
    ['a file yet to be made', { path: join(root, 'docs/new/b.txt') }],
    ['a relative path', { path: 'docs/a.txt' }],
    ['a name without separator', { path: 'a b, c.txt' }],
    ['double and dot separators', { path: `/${root}//docs/./a.txt` }],
    ['a file: URL', { uri: `file://${root}/docs/a.txt` }],
    ['an encoded path', { path: `${root}/docs%2Fa.txt` }],
    ['a percent sign that encodes nothing', { path: `${root}/100%.txt` }],
    ['a link that stays inside', { path: `${root}/inside/a.txt` }],
    ['a dangling link that stays inside', { path: `${root}/dangling-in` }],
    ['dots that are no parent segment', { path: `${root}/a..b/...c` }],
    ['accents and emoji', { path: `${root}/résumé ✓ 日本.txt` }],
    ['an exempt argument', { path: root, content: '../../etc/passwd', options: { text: '/etc' } }],
    ['several paths', { paths: [root, `${root}/docs`] }],
    ['a text without a path', { path: root, query: 'all the news, and more' }],
  ]
  for (const [what, value] of inside) it(`allows ${what}`, () => assert.ok(isAllowed(value)))

  const escapes: readonly (readonly [string, unknown])[] = [
    ['a sibling with the same beginning', { path: `${root}-beside/b.txt` }],
    ['a parent segment', { path: `${root}/../outside/secret.txt` }],
    ['a parent segment that comes back', { path: `${root}/docs/../docs/a.txt` }],
    ['an encoded parent segment', { path: `${root}/%2e%2e/outside` }],
    ['a doubly encoded one', { path: `${root}/%252e%252e%252foutside` }],
    ['one behind a link', { path: `${root}/inside/..` }],
    ['a back-slash parent', { path: `${root}\\..\\outside` }],
    ['a full-width parent', { path: `${root}／．．／outside` }],
    ['a two-dot leader', { path: `${root}/‥/outside` }],
    ['an invisible character between dots', { path: `${root}/.\u200d./outside` }],
    ['a link to a directory outside', { path: `${root}/out/secret.txt` }],
    ['a new file behind such a link', { path: `${root}/out/new/file` }],
    ['a link to a file outside', { path: `${root}/secret` }],
    ['a bare link name', { path: 'secret' }],
    ['a dangling link outwards', { path: `${root}/dangling-out` }],
    ['a loop', { path: `${root}/loop/x` }],
    ['a NUL', { path: `${root}/a\0.txt` }],
    ['an encoded NUL', { path: `${root}/a%00.txt` }],
    ['an overlong slash', { path: `${root}/a%c0%afb` }],
    ['an encoded absolute path', { path: '%2fetc%2fpasswd' }],
    ['a home directory', { path: '~/x' }],
    ['an environment variable', { path: '$HOME/x' }],
    ['a Windows drive', { path: 'C:\\Windows' }],
    ['a Windows share', { path: '\\\\server\\share' }],
    ['a file: URL', { path: 'file:///etc/passwd' }],
    ['a file: URL of a host', { path: `file://host${root}` }],
    ['a file: URL with a tab', { path: 'fi\tle:/etc/passwd' }],
    ['a nested file: URL', { path: 'jar:file:///etc/passwd!/x' }],
    ['a path with blanks before it', { path: ' /etc/passwd' }],
    ['a second path beside an allowed one', { path: root, target: '/etc/shadow' }],
    ['a path deep within', { path: root, a: [{ b: ['/etc/shadow'] }] }],
    ['a path as a key', { files: { '/etc/shadow': 'x' } }],
    ['a path within a command', { path: root, command: 'cat /etc/shadow' }],
    ['an encoded path in another argument', { path: root, ref: '..%2f..' }],
    ['a key that only looks exempt', { path: root, 'content.x': '/etc/shadow' }],
    ['an exempt key below another', { path: root, x: { content: '/etc/shadow' } }],
    ['a path that is too long', { path: `${root}/${'a'.repeat(5_000)}` }],
    ['no path at all', { query: 'news' }],
    ['no arguments', {}],
    ['a denied name', { path: `${root}/.env` }],
    ['a denied name in another case', { path: `${root}/.ENV` }],
    ['a denied directory', { path: `${root}/.ssh` }],
    ['a file in it', { path: `${root}/docs/.ssh/id` }],
    ['all below a denied name', { path: `${root}/docs/private/x/y` }],
  ]
  for (const [what, value] of escapes) it(`denies ${what}`, () => assert.ok(!isAllowed(value)))

  it('denies relative paths, when the server has no root', () => {
    assert.match(decideOn(policy, { path: 'docs' }).text, /no declared root/)
  })

  it('denies a call without arguments', () => {
    assert.equal(decideOn(policy, undefined).reason, 'constraint_argument')
  })

  it('does not look up paths of a server on another machine', () => {
    const realPath = () => assert.fail('looked up')
    assert.equal(decideOn(policy, { path: `${root}/out` }, { remote: true, realPath }).decision, 'allow')
  })

  it('denies with evaluation_error, when the look-up fails', () => {
    const realPath = (): never => {
      throw new Error(`no ${root}`)
    }
    const decision = decideOn(policy, { path: root }, { realPath })
    assert.equal(decision.reason, 'evaluation_error')
    assert.ok(!decision.text.includes(root))
  })
})

describe('path constraint, as a property', () => {
  const segment = fc.constantFrom(
    'docs',
    'deep',
    'a.txt',
    'out',
    'inside',
    'secret',
    'new',
    '.',
    '..',
    '',
    '%2e%2e',
    '..%2f',
    '‥',
    '．．',
    '~',
    '\\',
    '%5c',
    '／',
    'x y',
  )
  const text = fc.tuple(
    fc.constantFrom('', `${root}/`, '/', outside, '//', 'file://', `file://${root}/`),
    fc.array(segment, { maxLength: 6 }),
    fc.constantFrom('/', '//', '\\', '%2f'),
  )
  const path = text.map(([start, segments, separator]) => start + segments.join(separator))

  it('never allows what the operating system opens outside', () => {
    fc.assert(
      fc.property(path, (value) => {
        if (!isAllowed({ path: value })) return
        assert.ok(isInside(openedBy(value)), value)
        assert.ok(isInside(openedBy(decodeFully(value))), value)
      }),
      { numRuns: 5_000, seed: 5 },
    )
  })

  it('allows what stays inside and is written plainly', () => {
    const plain = fc.array(fc.constantFrom('docs', 'deep', 'inside', 'new', 'x y', 'é', '...'), { maxLength: 6 })
    fc.assert(
      fc.property(plain, (segments) => assert.ok(isAllowed({ path: join(root, ...segments) }))),
      { numRuns: 500, seed: 6 },
    )
  })
})

function openedBy(value: string): string {
  const path = /^file:/i.test(value) ? new URL(value).pathname : value
  for (let at = resolve(root, path), rest = ''; ; ) {
    try {
      return join(realpathSync(at), rest)
    } catch {
      rest = join(at.slice(at.lastIndexOf('/') + 1), rest)
      at = at.slice(0, at.lastIndexOf('/')) || '/'
    }
  }
}

function decodeFully(value: string): string {
  const decoded = decodeURIComponent(value)
  return decoded === value ? value.normalize('NFKC').replaceAll('\\', '/') : decodeFully(decoded)
}

function isInside(path: string): boolean {
  return path === root || path.startsWith(`${root}/`)
}
