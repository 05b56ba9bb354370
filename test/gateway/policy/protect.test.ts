// Self-protection: no policy opens toolwarden's own files and address.
import assert from 'node:assert/strict'
import { mkdirSync, symlinkSync, writeFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { after, describe, it } from 'node:test'
import type { DecisionFacts, PolicyCall } from '../../../gateway/policy/decision.ts'
import { decide } from '../../../gateway/policy/evaluate.ts'
import { createProtection } from '../../../gateway/policy/protect.ts'
import { lookUpRealPath } from '../../../gateway/policy/real-path.ts'
import { callWith, createSandbox, factsOf, policyOf } from './support.ts'

const sandbox = createSandbox()
const { root, outside: home } = sandbox
after(sandbox.remove)
const data = join(home, '.toolwarden')
mkdirSync(join(data, 'keys'), { recursive: true })
writeFileSync(join(root, 'policy.yaml'), '')
symlinkSync(data, join(root, 'elsewhere'))

const options = {
  paths: [`${data}/`, join(root, 'policy.yaml'), join(home, '.config', 'client.json')],
  hosts: ['127.0.0.1:8787'],
  home,
  workingDirectory: root,
  realPath: lookUpRealPath,
}
const protection = createProtection(options)
const openPolicy = policyOf({ action: 'allow' })

function isProtected(
  argumentsValue: unknown,
  facts: Partial<DecisionFacts> = {},
  call: Partial<PolicyCall> = {},
): boolean {
  const decision = decide(openPolicy, callWith(argumentsValue, call), factsOf({ protection, ...facts }))
  if (decision.decision === 'deny') assert.equal(decision.rule, 'self-protection')
  return decision.decision === 'deny'
}

describe('self-protection', () => {
  const named: readonly (readonly [string, unknown])[] = [
    ['the directory', { path: data }],
    ['a file in it', { path: `${data}/keys/a.pem` }],
    ['a file yet to be made', { path: `${data}/spool/new` }],
    ['another case', { path: data.toUpperCase() }],
    ['a home path', { path: '~/.toolwarden/keys' }],
    ['a home variable in a command', { command: 'cp $HOME/.toolwarden/keys/a.pem /tmp' }],
    ['a path in a command', { command: `cat "${data}/keys"` }],
    ['a path in a long text', { script: `${'# line\n'.repeat(2_000)}cat ${data}/keys` }],
    ['parent segments', { path: `${home}/x/../.toolwarden/keys` }],
    ['parent segments behind a link', { path: `${root}/out/../outside/.toolwarden` }],
    ['an encoded path', { path: `${home}/%2etoolwarden/keys` }],
    ['a file: URL', { uri: `file://${data}/keys` }],
    ['a link to it', { path: `${root}/elsewhere/keys` }],
    ['a relative link to it', { path: 'elsewhere' }],
    ['a relative file', { path: 'policy.yaml' }],
    ['a relative file in another argument', { name: 'policy.yaml' }],
    ["a client's configuration", { path: '~/.config//client.json' }],
    ['a key', { files: { [`${data}/x`]: '' } }],
    ['a NUL after it', { path: `${data}\0.txt` }],
    ['the API', { url: 'http://127.0.0.1:8787/v1/rules' }],
    ['another loopback name', { url: 'http://localhost:8787' }],
    ['a number for a host', { url: 'http://2130706433:8787/' }],
    ['an IPv6 name', { url: 'http://[::1]:8787/' }],
    ['a mapped one', { url: 'http://[::ffff:127.0.0.1]:8787/' }],
    ['an encoded port', { text: 'http%3A%2F%2Flocalhost%3A8787' }],
    ['host and port apart', { host: '127.0.0.2', port: 8787 }],
    ['an address in a command', { command: 'curl localhost:8787/v1' }],
    ['the any-address', { url: 'http://0.0.0.0:8787/' }],
  ]
  for (const [what, value] of named) it(`denies ${what}`, () => assert.ok(isProtected(value)))

  const others: readonly (readonly [string, unknown])[] = [
    ['another directory', { path: `${data}-notes/a` }],
    ['another file of the home', { path: '~/notes.txt' }],
    ['another port', { url: 'http://127.0.0.1:18787/' }],
    ['another host on that port', { url: 'https://example.com:8787/' }],
    ['the port alone', { port: 8787 }],
    ['a file of the same name elsewhere', { path: 'docs/policy.yaml' }],
    ['a text', { text: 'toolwarden and/or its policy' }],
    ['no arguments', undefined],
  ]
  for (const [what, value] of others) it(`lets pass ${what}`, () => assert.ok(!isProtected(value)))

  it('takes relative paths from the root of the server, when it is declared', () => {
    assert.ok(isProtected({ path: '.toolwarden' }, { root: home }))
  })

  it('takes relative paths from every directory above a protected one, and follows links there', () => {
    symlinkSync(data, join(dirname(home), 'link-to-data'))
    for (const path of [
      'outside/.toolwarden/keys/a.pem',
      'keys/../outside/.toolwarden',
      './link-to-data/keys',
      `.${data}`,
    ])
      assert.ok(isProtected({ path }, { root }), path)
    assert.ok(!isProtected({ path: 'outside/.toolwarden/keys/a.pem' }, { root, remote: true }))
  })

  it('takes no relative path from within a protected directory, where another protected path lies in it', () => {
    const nested = createProtection({ ...options, paths: [data, join(data, 'keys', 'policy.yaml')] })
    for (const value of [{ path: 'docs/a.txt' }, { text: 'and/or' }])
      assert.ok(!isProtected(value, { protection: nested }, { toolClass: 'write' }))
  })

  it('takes relative paths from the directories that the server was given, in it or beside it', () => {
    const beside = join(root, 'docs')
    symlinkSync(join(data, 'keys'), join(beside, 'shown'))
    const given = createProtection({ ...options, serverDirectories: [beside, join(data, 'keys')] })
    assert.ok(isProtected({ path: 'shown/a.pem' }, { protection: given }))
    assert.ok(isProtected({ path: 'a.pem' }, { protection: given }))
    assert.ok(!isProtected({ path: 'shown/a.pem' }))
  })

  it('quotes no argument', () => {
    const { text } = decide(openPolicy, callWith({ path: data }), factsOf({ protection }))
    assert.ok(!text.includes(home))
  })
})

describe('a directory above a protected one', () => {
  const above: readonly (readonly [string, unknown])[] = [
    ['as the source of a move', { source: home, destination: '/tmp/moved' }],
    ['with a slash behind it', { path: `${dirname(home)}/` }],
    ['in another case', { path: home.toUpperCase() }],
    ['by parent segments', { path: `${root}/../outside/x/..` }],
    ['by a link', { source: join(root, 'out') }],
    ['relative', { source: 'outside', destination: 'new' }],
    ['as a dot', { source: '.', destination: 'copy' }],
    ['as the home', { path: '~' }],
    ['as the root of the file system', { path: '/' }],
    ['encoded', { path: home.replaceAll('/', '%2f') }],
    ['under a key that says nothing', { target: home }],
    ['in a list', { paths: ['a.txt', home] }],
  ]
  for (const [what, value] of above) {
    it(`is denied to tools that do more than read, ${what}`, () => {
      for (const toolClass of ['write', 'destructive', 'egress', undefined] as const)
        assert.ok(isProtected(value, {}, { toolClass }), toolClass)
      assert.ok(!isProtected(value, {}, { toolClass: 'read' }))
    })
  }

  const others: readonly (readonly [string, unknown, Partial<DecisionFacts>])[] = [
    ['another directory', { path: join(root, 'docs') }, {}],
    ['a text that says so', { content: `ls ${home} and /` }, {}],
    ['a slash for something else', { separator: '/' }, {}],
    ['a relative path where the server has another root', { path: '.' }, { root: join(root, 'docs') }],
    ['a relative path of another machine', { path: 'outside' }, { remote: true }],
  ]
  for (const [what, value, facts] of others)
    it(`is not named by ${what}`, () => assert.ok(!isProtected(value, facts, { toolClass: 'write' })))

  it('quotes no argument', () => {
    const { text } = decide(openPolicy, callWith({ path: home }, { toolClass: 'write' }), factsOf({ protection }))
    assert.match(text, /a directory that holds/)
    assert.ok(!text.includes(home))
  })
})
