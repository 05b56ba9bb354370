// Globs of names and paths, and the index of rules against plain file order.
import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import fc from 'fast-check'
import { decide } from '../../../gateway/policy/evaluate.ts'
import { createNameMatcher, createPathMatcher, findGlobProblem } from '../../../gateway/policy/match.ts'
import type { Policy } from '../../../gateway/policy/policy.ts'
import type { CallNames } from '../../../gateway/policy/rule-index.ts'
import { callWith, factsOf, policyOf } from './support.ts'

describe('name globs', () => {
  const matching: readonly (readonly [string, string])[] = [
    ['*', ''],
    ['*', '..'],
    ['*', 'a/b.c'],
    ['read_*', 'read_'],
    ['read_*', 'read_a/b.c'],
    ['read_*', 'read_a\nb'],
    ['*_file', '../x_file'],
    ['a?c', 'a/c'],
    ['[ab]x', 'bx'],
    ['+x', '+x'],
    ['(x)', '(x)'],
    ['a.b', 'a.b'],
  ]
  for (const [glob, name] of matching) {
    it(`${JSON.stringify(glob)} matches ${JSON.stringify(name)}`, () => assert.ok(createNameMatcher(glob).test(name)))
  }

  const others: readonly (readonly [string, string])[] = [
    ['read_*', 'Read_a'],
    ['read_*', 'xread_a'],
    ['*_file', 'x_file\n'],
    ['a?c', 'ac'],
    ['a.c', 'abc'],
    ['[ab]x', 'cx'],
    ['read', 'read '],
  ]
  for (const [glob, name] of others) {
    it(`${JSON.stringify(glob)} does not match ${JSON.stringify(name)}`, () =>
      assert.ok(!createNameMatcher(glob).test(name)))
  }

  it('refuses what it can not mean, instead of never matching', () => {
    for (const glob of ['', '!a', 'a{b,c}', '+(a)', '[a', '[z-a]', 'a\\', 'a\n', '*a*a*a*a*', 'x'.repeat(600)]) {
      assert.notEqual(findGlobProblem(glob), undefined, glob)
      assert.throws(() => createNameMatcher(glob), RangeError)
    }
  })
})

describe('path globs', () => {
  it('match at any depth, in any case, and all beneath', () => {
    for (const [glob, path] of [
      ['.env', '/a/.env'],
      ['**/.ssh/**', '/h/.SSH'],
      ['*.pem', '/k.pem'],
      ['/srv/x/', '/srv/x/y/z'],
      ['a/b', '/q/a/b/c'],
      ['/', '/x'],
    ] as const) {
      assert.ok(createPathMatcher(glob).test(path), `${glob} ${path}`)
    }
    assert.ok(!createPathMatcher('/srv/x').test('/srv/xy'))
    assert.ok(!createPathMatcher('.env').test('/a/x.env'))
  })
})

describe('rules', () => {
  const ruleFor = (policy: Policy, names: Partial<CallNames>): string =>
    decide(policy, callWith({}, names), factsOf()).rule

  it('bind a tool to a server by "server/tool"', () => {
    const policy = policyOf({ id: 'a', tool: 'git*/push', action: 'deny' }, { id: 'b', tool: '*/a/b', action: 'deny' })
    assert.equal(ruleFor(policy, { server: 'github', tool: 'push' }), 'a')
    assert.equal(ruleFor(policy, { server: 'files', tool: 'push' }), 'default')
    assert.equal(ruleFor(policy, { server: 'files', tool: 'a/b' }), 'b')
  })

  it('match server, principal and client together', () => {
    const policy = policyOf({ id: 'a', server: ['x', 'f*'], principal: 'agent:*', client: 'insp*', action: 'allow' })
    assert.equal(ruleFor(policy, {}), 'a')
    for (const names of [{ server: 'g' }, { principal: 'user:a' }, { client: 'Inspector' }])
      assert.equal(ruleFor(policy, names), 'default')
  })

  it('decide in the order of the file, however they are indexed', () => {
    const name = fc.constantFrom('a', 'b', 'ab', 'a*', '*b', '*', 'a/b', 'b/*')
    const names = fc.oneof(name, fc.uniqueArray(name, { minLength: 1, maxLength: 3 }))
    const plain = names.filter((value) => !String(value).includes('/'))
    const rule = fc.record(
      { tool: names, server: plain, principal: plain, action: fc.constant('deny') },
      { requiredKeys: ['action'] },
    )
    const call = fc.record({
      tool: fc.constantFrom('a', 'b', 'ab', 'c'),
      server: fc.constantFrom('a', 'b', 'c'),
      principal: fc.constantFrom('a', 'ab', 'c'),
    })
    fc.assert(
      fc.property(fc.array(rule, { maxLength: 12 }), call, (rules, names) => {
        const first = rules.findIndex((candidate) => ruleFor(policyOf(candidate), names) !== 'default')
        assert.equal(ruleFor(policyOf(...rules), names), first === -1 ? 'default' : `rules[${first}]`)
      }),
      { numRuns: 200, seed: 10 },
    )
  })

  it('deny a call with an endless name', () => {
    assert.equal(
      decide(policyOf({ action: 'allow' }), callWith({}, { tool: 'x'.repeat(2_000) }), factsOf()).reason,
      'evaluation_error',
    )
  })

  it('deny arguments that are too deep or too many to look through', () => {
    const policy = policyOf({ action: 'allow', constraints: { deniedPaths: ['x'] } })
    const deep = Array.from({ length: 100 }).reduce<unknown>((value) => [value], 'x')
    for (const value of [deep, Array.from({ length: 25_001 }, () => '')]) {
      assert.equal(decide(policy, callWith({ value }), factsOf()).reason, 'evaluation_error')
    }
  })
})
