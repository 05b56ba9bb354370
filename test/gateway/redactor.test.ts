// What the operator's own patterns take out of recorded values; none of them can be made slow by a text.
import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { createRedactor } from '../../gateway/redactor.ts'
import { gatewaySettings } from '../../gateway/settings.ts'

function redact(text: string, ...patterns: readonly string[]): string {
  return createRedactor(patterns)(Buffer.from(text)).toString()
}

describe('configured patterns', () => {
  it('are taken out everywhere, beside well-known secrets', () => {
    const text = '{"who":"EMP-123456","key":"AKIAABCDEFGHIJKLMNOP","also":"EMP-654321"}'
    assert.equal(
      redact(text, 'EMP-[0-9]{6}'),
      '{"who":"[redacted: configured]","key":"[redacted: aws-access-key]","also":"[redacted: configured]"}',
    )
  })

  it('leave the very bytes where they match nothing', () => {
    const bytes = Buffer.from([0x7b, 0xff, 0x7d])
    assert.equal(createRedactor(['EMP-[0-9]{6}'])(bytes), bytes)
  })

  it('are linear in the text, and leave nothing of what is too long for them', () => {
    const started = performance.now()
    assert.equal(redact('a'.repeat(20_000), '(a+)+b'), 'a'.repeat(20_000))
    assert.equal(redact('a'.repeat(16_000_000), '(a+)+b'), '')
    assert.ok(performance.now() - started < 2_000)
  })

  it('are refused by the configuration with the reason, where they can not be used', () => {
    for (const [pattern, reason] of [
      ['(?=x)', /no RE2 pattern/],
      ['a*', /matches the empty text/],
      ['', /1 to 1000 characters/],
    ] as const) {
      const { error } = gatewaySettings.safeParse({ record: { redact: [pattern] } })
      assert.match(error?.issues[0]?.message ?? '', reason)
    }
  })
})
