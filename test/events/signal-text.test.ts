// What signals take from a text: one spelling for one value, and nothing that is common to everything.
import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { type Predicate, predicateHolds } from '../../events/rule.ts'
import { findDestinations, findNames, findTokens, isOwnDestination, normaliseToken } from '../../events/signal-text.ts'
import { argumentSignals, parseSignals, resultSignals, signalsBytes } from '../../events/signals.ts'
import { DEPLOYMENT_KEY } from '../support/seeded-run.ts'

describe('findDestinations', () => {
  for (const [text, site] of [
    ['https://a.b.shop.example/x', 'shop.example'],
    ['https://a.shop.co.uk', 'shop.co.uk'],
    ['bob@mail.firm.example', 'firm.example'],
    ['bob@gmail.com', 'bob@gmail.com'],
    ['DE89370400440532013000', 'DE89370400440532013000'],
  ] as const)
    it(`takes ${site} for the site of ${text}`, () => {
      assert.deepEqual(
        findDestinations(text).map((each) => each.site),
        [site],
      )
    })

  it('knows own domains, and not what only ends like one', () => {
    const own = ['firm.example']
    assert.deepEqual(
      ['bob@firm.example', 'www2.firm.example', 'evilfirm.example', 'bob@firm.example.evil'].map((name) =>
        isOwnDestination(name, own),
      ),
      [true, true, false, false],
    )
  })
})

describe('tokens and names', () => {
  it('have one spelling', () => {
    for (const text of ['Team/Core-7', '"team/core-7".', 'https://www.team/core-7/', 'team%2Fcore-7', 'ｔeam/core-7'])
      assert.equal(normaliseToken(text.replaceAll('"', '')), 'team/core-7')
  })

  it('are identifiers, no plain words, dates, times, small figures or destinations', () => {
    const text = 'On 2026-01-05, 14:30, pay 12.50 for id_7 and /srv/a.txt to bob@firm.example'
    assert.deepEqual(findTokens(text), ['id_7', '/srv/a.txt'])
  })

  it('are what a text quotes, and the values of its fields', () => {
    assert.deepEqual(findNames("delete 'Old Report'\nowner: Ann Lee\n"), ['old report', 'ann lee'])
  })
})

describe('a copied predicate', () => {
  const [value = ''] = resultSignals(DEPLOYMENT_KEY, 'read', 'team/core-7').values
  const call = argumentSignals(DEPLOYMENT_KEY, 'write', { name: 'team/core-7' })
  const place = { tool: 'create', argument: call.fields[0]?.name ?? '' }
  const copied = (except: readonly (typeof place)[]): Predicate => ({ type: 'copied', anyOf: [value], except })

  it('holds for an argument that a result held, but where such values are known to go', () => {
    assert.equal(predicateHolds(copied([]), call, { tool: 'create' }), true)
    assert.equal(predicateHolds(copied([place]), call, { tool: 'create' }), false)
    assert.equal(predicateHolds(copied([place]), call, { tool: 'delete' }), true)
    assert.equal(predicateHolds(copied([place]), call), true)
  })

  it('holds for a secret, wherever it stands', () => {
    const secret = `ghp_${'a1B2'.repeat(9)}`
    const { secrets } = resultSignals(DEPLOYMENT_KEY, 'read', `token ${secret}`)
    const sent = argumentSignals(DEPLOYMENT_KEY, 'egress', {
      body: `look at this long text with words: ${secret} and more`,
    })
    assert.equal(predicateHolds({ type: 'copied', anyOf: secrets, except: [] }, sent, { tool: 'send' }), true)
  })
})

describe('signals of an older gateway', () => {
  it('are read, with nothing in what they did not take', () => {
    const { v: _, sites, own, fields, values, secrets, markers, ...first } = resultSignals(DEPLOYMENT_KEY, 'read', 'x')
    const bytes = Buffer.from(JSON.stringify({ ...first, v: 1 }, [...Object.keys(first), 'v'].sort()))
    assert.deepEqual(parseSignals(bytes), { ...first, v: 2, sites, own, fields, values, secrets, markers })
  })

  it('have room in the header, however much there is', () => {
    const many = Array.from(
      { length: 3_000 },
      (_, index) => `id-${index} a${index}@b${index}.example ghp_${String(index).padStart(36, 'a')}`,
    )
    for (const signals of [
      resultSignals(DEPLOYMENT_KEY, 'read', many.join('\n')),
      argumentSignals(DEPLOYMENT_KEY, 'write', { path: many, ...Object.fromEntries(many.map((each) => [each, each])) }),
    ])
      assert.ok(signalsBytes(signals).byteLength <= 16 * 1024)
  })
})
