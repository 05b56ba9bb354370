// What is posted: signatures after the published vector of Standard Webhooks, and Slack's form.
import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { inspect } from 'node:util'
import {
  parseSecrets,
  signWebhook,
  slackMessage,
  standardMessage,
} from '../../../detectors/delivery/webhook-message.ts'
import { withCode } from '../../support/errors.ts'
import { raised, SECRET, updated } from './notices.ts'

/** Whether an error holds nothing of a secret. */
function isSilentOn(secret: string, error: unknown): boolean {
  return secret === '' || !inspect(error).includes(secret)
}

describe('signature of a webhook', () => {
  it('is that of the published vector', () => {
    // https://github.com/standard-webhooks/standard-webhooks (libraries' test of `sign`)
    const message = {
      id: 'msg_p5jXN8AQM9LWM0D4loKWxJek',
      timestampSeconds: 1_614_265_330,
      body: '{"test": 2432232314}',
    }
    const signature = 'v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE='
    assert.equal(signWebhook(message, parseSecrets(SECRET, 'test')), signature)
  })

  it('is one for each of two secrets while a secret is changed', () => {
    const keys = parseSecrets(`${SECRET}\nwhsec_${Buffer.alloc(32, 7).toString('base64')}\n`, 'test')
    const signatures = signWebhook({ id: 'msg_1', timestampSeconds: 1, body: '{}' }, keys).split(' ')
    assert.equal(signatures.length, 2)
    assert.notEqual(signatures[0], signatures[1])
  })

  it('is of the attempt, while the id stays that of the event', () => {
    const keys = parseSecrets(SECRET, 'test')
    const [first, second] = [1, 2].map((seconds) => standardMessage(raised(), keys, seconds))
    assert.equal(first?.headers['webhook-id'], `msg_${raised().id}`)
    assert.equal(first?.body, second?.body)
    assert.notEqual(first?.headers['webhook-signature'], second?.headers['webhook-signature'])
  })
})

describe('secret of a webhook', () => {
  for (const [what, text] of [
    ['without its prefix', 'MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw'],
    ['too short', `whsec_${Buffer.alloc(23).toString('base64')}`],
    ['too long', `whsec_${Buffer.alloc(65).toString('base64')}`],
    ['of other characters', 'whsec_!!!!!!!!!!!!!!!!!!!!!!!!!!!!!!!!!!!!!!!!'],
    ['threefold', `${SECRET}\n${SECRET}\n${SECRET}`],
    ['empty', '\n'],
  ] as const)
    it(`${what} is refused and not quoted`, () => {
      assert.throws(
        () => parseSecrets(text, 'the place'),
        (error: unknown) => withCode('KEY_INVALID')(error) && isSilentOn(text.slice(6).trim(), error),
      )
    })
})

describe('message to Slack', () => {
  it('says what was found, and can neither address anybody nor make a link', () => {
    const text = slackText(raised({ explanation: '<!channel> & <https://evil.example|here>' }))
    assert.match(text, /^\[high\] `read-spike` \(`agent:ci, files`\): `&lt;!channel&gt; &amp; &lt;https/)
    assert.ok(!text.includes('<'))
  })

  it('is one line, in which an agent can end neither the quotation nor the direction of reading', () => {
    const explanation = 'a` *closed* by @channel https://evil.example\n[critical] \u001b[31m\u009b1m\u202e\u2028'
    const text = slackText(raised({ explanation }))
    assert.equal(text.split('`').length, 7)
    assert.match(text, /`a' \*closed\* by @channel https:\/\/evil\.example\\u000a\[critical\] \\u001b/)
    assert.doesNotMatch(text, /[\p{Cc}\p{Cf}\p{Zl}\p{Zp}]/u)
  })

  it('says what an operator made of an alert', () => {
    assert.equal(slackText(updated('closed')), 'Alert bbbbbbbbbbbb was closed by `user:ann`: `a known job`')
  })
})

describe('body of a webhook', () => {
  it('shows no control characters and is read as what was said', () => {
    const explanation = 'one\u0085two\u2028three\u202efour\u{e0041}\u007f\n'
    const { body } = standardMessage(raised({ explanation }), parseSecrets(SECRET, 'test'), 1)
    assert.doesNotMatch(body, /[\p{Cc}\p{Cf}\p{Zl}\p{Zp}]/u)
    const { data } = JSON.parse(body) as { data: { explanation: string } }
    assert.equal(data.explanation, explanation)
  })
})

function slackText(notice: Parameters<typeof slackMessage>[0]): string {
  return (JSON.parse(slackMessage(notice).body) as { text: string }).text
}
