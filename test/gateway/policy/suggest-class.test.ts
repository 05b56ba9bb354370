// What tools are taken for, by name, hints and arguments.
import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { readOrigin, suggestClass } from '../../../gateway/policy/suggest-class.ts'

describe('suggestClass', () => {
  for (const [name, toolClass, from] of [
    ['read_file', 'read', 'name'],
    ['write_file', 'write', 'name'],
    ['delete_repo', 'destructive', 'name'],
    ['sendEmail', 'egress', 'name'],
    ['frobnicate', 'write', 'nothing'],
  ] as const)
    it(`takes ${name} for ${toolClass}`, () => {
      const guess = suggestClass({ name })
      assert.deepEqual([guess.class, guess.from, guess.trust], [toolClass, from, 'untrusted'])
    })

  it('believes a hint that makes a tool more dangerous, and says so', () => {
    const guess = suggestClass({ name: 'get_report', hints: { destructiveHint: true } })
    assert.deepEqual([guess.class, readOrigin(guess)], ['destructive', "by the server's hints"])
  })

  it('trusts a clock, and nothing that takes arguments', () => {
    assert.equal(suggestClass({ name: 'get_current_time' }).trust, 'trusted')
    assert.equal(suggestClass({ name: 'get_current_time', arguments: ['url'] }).trust, 'untrusted')
    assert.equal(suggestClass({ name: 'set_time' }).trust, 'untrusted')
  })

  it('calls reads of people and secrets sensitive, and says which reads reach out', () => {
    assert.equal(suggestClass({ name: 'list_customers' }).isSensitive, true)
    assert.equal(suggestClass({ name: 'delete_customers' }).isSensitive, false)
    assert.match(readOrigin(suggestClass({ name: 'fetch', arguments: ['url'] })), /egress/)
  })
})
