// How long does a decision take? With 1,000 rules of several shapes (target: 20 µs at p50, no growth with rules that can't
// match), and with 1 MB of arguments built to be slow (target: 10 ms at most). Prints one line each; fails over the target.

import { stringify } from 'yaml'
import type { DecisionFacts, PolicyCall } from '../gateway/policy/decision.ts'
import { decide } from '../gateway/policy/evaluate.ts'
import { parsePolicy } from '../gateway/policy/load.ts'
import type { Policy } from '../gateway/policy/policy.ts'
import { createProtection } from '../gateway/policy/protect.ts'
import { lookUpRealPath } from '../gateway/policy/real-path.ts'
import { hasUnsafeNumber } from '../gateway/unsafe-numbers.ts'

const warmUpRuns = 2_000
const runs = 20_000
const targetMicroseconds = 20
const slowRuns = 12
const slowTargetMilliseconds = 10
const megabyte = 1_000_000

function load(rules: readonly object[]): Policy {
  const parsed = parsePolicy(stringify({ version: '1', rules }, { aliasDuplicateObjects: false }), {
    file: 'bench.yaml',
  })
  if ('errors' in parsed) throw new Error(parsed.errors.map((error) => error.message).join('\n'))
  return parsed.ok
}

const protection = createProtection({
  paths: ['/home/user/.toolwarden', '/home/user/.config/toolwarden', '/home/user/.cursor/mcp.json'],
  hosts: ['127.0.0.1:8787'],
  home: '/home/user',
  workingDirectory: '/srv/project',
  realPath: lookUpRealPath,
})
const facts: DecisionFacts = { realPath: lookUpRealPath, root: '/srv/project', remote: false, nowMs: 0, protection }
const call: PolicyCall = {
  server: 'server-500',
  tool: 'tool_500',
  principal: 'agent:500@host',
  client: 'bench',
  argumentsValue: { query: 'all of it', limit: 20 },
}
const pathCall: PolicyCall = { ...call, argumentsValue: { path: '/tmp/a/b.txt' } }

function rulesBy(create: (place: number) => object, last: object = {}): readonly object[] {
  return [
    ...Array.from({ length: 999 }, (_, place) => ({ action: 'allow', ...create(place) })),
    { action: 'deny', ...last },
  ]
}

/** Microseconds of one decision, sorted. */
function measure(policy: Policy, one: PolicyCall, count: number): readonly number[] {
  const times: number[] = []
  for (let run = 0; run < count; run += 1) {
    const start = process.hrtime.bigint()
    decide(policy, one, facts)
    times.push(Number(process.hrtime.bigint() - start) / 1_000)
  }
  return times.sort((a, b) => a - b)
}

function reportUsual(what: string, rules: readonly object[], one: PolicyCall = call): boolean {
  const policy = load(rules)
  measure(policy, one, warmUpRuns)
  const times = measure(policy, one, runs)
  const [p50, p99] = [times[runs / 2] ?? 0, times[Math.floor(runs * 0.99)] ?? 0]
  const result = decide(policy, one, facts)
  console.log(
    `${what.padEnd(58)} p50 ${p50.toFixed(1)} µs, p99 ${p99.toFixed(1)} µs (${result.decision}, ${result.rule})`,
  )
  return p50 <= targetMicroseconds
}

function reportSlow(what: string, argumentsValue: unknown, constraints: object): boolean {
  const policy = load([{ action: 'allow', constraints }])
  const bytes = Buffer.from(JSON.stringify(argumentsValue))
  const one = { ...call, argumentsValue, hasUnsafeNumber: () => hasUnsafeNumber(bytes) }
  const times = measure(policy, one, slowRuns)
  const [p50, worst] = [times[slowRuns / 2] ?? 0, times.at(-1) ?? 0]
  const result = decide(policy, { ...call, argumentsValue }, facts)
  const figures = `p50 ${(p50 / 1_000).toFixed(1)} ms, worst ${(worst / 1_000).toFixed(1)} ms`
  console.log(`${what.padEnd(58)} ${figures} (${result.decision}, ${result.reason})`)
  return p50 <= slowTargetMilliseconds * 1_000
}

const paths = { allowedPaths: ['/tmp/'], deniedPaths: ['**/.env', '**/.ssh/**', '*.pem'] }
const usual = [
  reportUsual('one rule', [{ action: 'allow' }]),
  reportUsual(
    '1,000 rules, one a tool',
    rulesBy((place) => ({ tool: `tool_${place}` })),
  ),
  reportUsual(
    '1,000 rules, one a tool prefix',
    rulesBy((place) => ({ tool: `tool_${place}*` })),
  ),
  reportUsual(
    '1,000 rules, one a principal, same tool',
    rulesBy((place) => ({ tool: 'tool_500', principal: `agent:${place}@host` })),
  ),
  reportUsual(
    '1,000 rules, one a server',
    rulesBy((place) => ({ tool: `server-${place}/*` })),
  ),
  reportUsual(
    '1,000 rules, one a tool suffix',
    rulesBy((place) => ({ tool: `*_x${place}` })),
  ),
  reportUsual(
    '1,000 rules, with path constraints',
    rulesBy((place) => ({ tool: `tool_${place}`, constraints: paths })),
    pathCall,
  ),
]
const order = { argumentsValue: { query: 'all', limit: 20 }, session: 'a' }
usual.push(
  reportUsual(
    '1,000 rules, with a schema, a limit and hours each',
    rulesBy((place) => ({
      tool: `tool_${place}`,
      when: { from: '00:00', to: '24:00', timeZone: 'Europe/Berlin' },
      constraints: { arguments: { properties: { query: { pattern: '^[a-z]+$' }, limit: { maximum: 100 } } } },
      rateLimit: { calls: 1_000, per: '1h', by: 'session' },
    })),
    { ...call, ...order },
  ),
)
const anyText = { type: 'string', pattern: '^(?:[a-z]+ ?)+$' }
const schema = {
  arguments: {
    type: 'object',
    additionalProperties: {
      anyOf: [anyText, { type: 'array', uniqueItems: true, items: anyText }, { type: 'number' }],
    },
  },
}
const domains = { allowedDomains: ['api.example.com'] }
const repeat = (text: string): string => text.repeat(Math.floor(megabyte / text.length))
const list = (text: (place: number) => string, length: number): readonly string[] =>
  Array.from({ length: Math.floor(megabyte / length) }, (_, place) => text(place))
const slowArguments: readonly (readonly [string, unknown])[] = [
  ['one text', { path: '/tmp/a', content: repeat('some text and/or more of it\n') }],
  ['letters alone', { content: repeat('a') }],
  ['percent signs', { content: repeat('%2f') }],
  ['encoded layers', { content: repeat('%2525252f') }],
  ['colons', { content: repeat('http:') }],
  ['URLs', { content: repeat('http://a.example/ ') }],
  ['non-ASCII', { content: repeat('ﬁ／') }],
  ['blanks', { content: `${repeat(' ')}x` }],
  ['slashes', { content: repeat('/') }],
  ['dots', { content: repeat('../') }],
  ['long strings below the limits', { list: list((place) => `${place}/${'a/../'.repeat(800)}`, 4_000) }],
  ['long encoded strings below the limits', { list: list((place) => `${place}${'%2525'.repeat(800)}`, 4_000) }],
  ['long non-ASCII strings below the limits', { list: list((place) => `${place}${'／é'.repeat(1_000)}`, 4_000) }],
  ['many short paths', { list: list((place) => `/x/${place}`, 20) }],
  ['many short path arguments', { paths: list((place) => `/x/${place}`, 20) }],
  ['many relative paths', { list: list((place) => `${place}/y`, 20) }],
  ['many short words', { list: list((place) => `w${place}`, 20) }],
  ['many hosts', { list: list((place) => `h${place}.example.com`, 24) }],
  ['many URLs', { list: list((place) => `http://h${place}.example.com/`, 32) }],
  ['many numbers', { list: Array.from({ length: 500_000 }, () => 1) }],
  ['many keys', Object.fromEntries(list((place) => `camelCase_key${place}`, 25).map((key) => [key, 'a/b']))],
  ['deep nesting', { list: Array.from({ length: 15_000 }).reduce<unknown>((value) => [value], 1) }],
]
const slow = slowArguments.flatMap(([what, value]) => [
  reportSlow(`1 MB: ${what}, no constraint`, value, { notPaths: ['x'] }),
  reportSlow(`1 MB: ${what}, path constraint`, value, paths),
  reportSlow(`1 MB: ${what}, domain constraint`, value, domains),
  reportSlow(`1 MB: ${what}, schema`, value, schema),
])
// Nothing sets these rules apart without trying each glob, so they have no target.
reportUsual(
  '1,000 rules, globs with a star at both ends',
  rulesBy((place) => ({ tool: `*_x${place}*` })),
)
process.exitCode = [...usual, ...slow].every(Boolean) ? 0 : 1
