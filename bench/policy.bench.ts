// How long does a decision take? With 1,000 rules of several shapes and 100 adaptive rules (target: 20 µs at p50), how that
// grows with rules that can't match, and with 1 MB of arguments built to be slow (target: 10 ms). Prints one line each; the
// targets are compared with the processor's time, since others may use this machine too. Fails over a target.
import { stringify } from 'yaml'
import type { ControlView } from '../events/control-view.ts'
import { argumentSignals } from '../events/signals.ts'
import type { DecisionBasis, ProposedCall } from '../gateway/decide.ts'
import { decideCall } from '../gateway/decide.ts'
import type { DecisionFacts, PolicyCall } from '../gateway/policy/decision.ts'
import { decide } from '../gateway/policy/evaluate.ts'
import { parsePolicy } from '../gateway/policy/load.ts'
import type { Policy } from '../gateway/policy/policy.ts'
import { createProtection } from '../gateway/policy/protect.ts'
import { lookUpRealPath } from '../gateway/policy/real-path.ts'
import { hasUnsafeNumber } from '../gateway/unsafe-numbers.ts'
import { NO_PINS } from '../test/support/gate-bench.ts'
import { makeRules, NOW_MS, viewOf } from './policy/adaptive.ts'
import { measure } from './policy/measure.ts'
import { type SlowArguments, slowArguments } from './policy/slow-arguments.ts'

const WARM_UP_RUNS = 2_000
const RUNS = 20_000
/** Of decisions that try thousands of globs. */
const FEW_RUNS = 200
const TARGET_MICROS = 20
const SLOW_RUNS = 15
const SLOW_TARGET_MICROS = 10_000
const VALUES = Array.from({ length: 500 }, (_, place) => place.toString(16).padStart(22, '0'))

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
const facts: DecisionFacts = {
  realPath: lookUpRealPath,
  root: '/srv/project',
  remote: false,
  nowMs: NOW_MS,
  protection,
}
const usualArguments = { query: 'all of it', limit: 20 }
const call: ProposedCall = {
  context: {
    ...{ server: 'server-500', tool: 'tool_500', principal: 'agent:500@host', client: 'bench' },
    ...{ session: 'session-500', connection: 'c', principalSource: 'declared', call: 'c' },
  },
  argumentsValue: usualArguments,
  signals: argumentSignals(Buffer.alloc(32, 1), 'write', usualArguments),
  sessions: ['session-500'],
}
const othersRules = viewOf(
  makeRules(100, (place) => ({ session: `session-${place}`, principal: `agent:${place}@host` })),
)

function rulesBy(create: (place: number) => object, count = 1_000): readonly object[] {
  const rules = Array.from({ length: count - 1 }, (_, place) => ({ action: 'allow', ...create(place) }))
  return [...rules, { action: 'deny' }]
}

/** Reports one usual decision, the whole of it: kill switch, self-protection, policy, adaptive rules. */
function report(what: string, policy: Policy, { one = call, control = othersRules, runs = RUNS }: Case = {}): boolean {
  const basis: DecisionBasis = {
    policy,
    control,
    pins: NO_PINS,
    need: { writers: [], maxAgeMicros: 1, required: false },
    facts,
  }
  measure(() => decideCall(one, basis), Math.min(runs, WARM_UP_RUNS))
  const { p50, p99, processorP50 } = measure(() => decideCall(one, basis), runs)
  const { decision, reason } = decideCall(one, basis)
  console.log(`${what.padEnd(66)} p50 ${p50.toFixed(1)} µs, p99 ${p99.toFixed(1)} µs (${decision}, ${reason})`)
  return Math.min(p50, processorP50) <= TARGET_MICROS
}

interface Case {
  readonly one?: ProposedCall
  readonly control?: ControlView
  readonly runs?: number
}

function reportUsual(): boolean {
  const paths = { allowedPaths: ['/tmp/'], deniedPaths: ['**/.env', '**/.ssh/**', '*.pem'] }
  const pathCall = { ...call, argumentsValue: { path: '/tmp/a/b.txt' } }
  const limited = {
    when: { from: '00:00', to: '24:00', timeZone: 'Europe/Berlin' },
    constraints: { arguments: { properties: { query: { pattern: '^[a-z ]+$' }, limit: { maximum: 100 } } } },
    rateLimit: { calls: 1_000, per: '1h', by: 'session' },
  }
  const byTool = load(rulesBy((place) => ({ tool: `tool_${place}` })))
  console.log('1,000 rules and 100 adaptive rules of other sessions; a rule for each')
  const results = [
    report('  tool', byTool),
    report('  tool prefix', load(rulesBy((place) => ({ tool: `tool_${place}*` })))),
    report(
      '  principal, same tool',
      load(rulesBy((place) => ({ tool: 'tool_500', principal: `agent:${place}@host` }))),
    ),
    report('  server', load(rulesBy((place) => ({ tool: `server-${place}/*` })))),
    report('  tool suffix', load(rulesBy((place) => ({ tool: `*_x${place}` })))),
    report('  tool, with path constraints', load(rulesBy((place) => ({ tool: `tool_${place}`, constraints: paths }))), {
      one: pathCall,
    }),
    report(
      '  tool, with a schema, a limit and hours',
      load(rulesBy((place) => ({ tool: `tool_${place}`, ...limited }))),
    ),
  ]
  const own = (place: number) => ({ session: 'session-500', principal: `agent:${500 + (place % 2)}@host` })
  const elsewhere = (place: number) => ({ session: `s-${place}` })
  console.log('1,000 rules, one a tool, and 100 adaptive rules')
  results.push(
    report('  of other sessions, each with 500 values', byTool, { control: viewOf(makeRules(100, elsewhere, VALUES)) }),
    report('  of this session, 20, each with 500 values', byTool, { control: viewOf(makeRules(20, own, VALUES)) }),
    report('  of this session, all, each with 500 values', byTool, { control: viewOf(makeRules(100, own, VALUES)) }),
    report('  of this session, all, which match', byTool, { control: viewOf(makeRules(100, own)) }),
  )
  return results.every(Boolean)
}

/** How a decision grows with rules that can't match, and with those that could. */
function reportGrowth(): boolean {
  const results = [10, 100, 1_000, 10_000].flatMap((count) => {
    const name = count.toLocaleString('en')
    const others = viewOf(makeRules(count, (place) => ({ session: `s-${place}`, principal: `p-${place}` }), VALUES))
    return [
      report(`${name} rules, one a tool, 100 adaptive`, load(rulesBy((place) => ({ tool: `tool_${place}` }), count))),
      report(`1 rule, ${name} adaptive of other sessions`, load(rulesBy(() => ({}), 1)), { control: others }),
    ]
  })
  // Nothing sets these rules apart without trying each glob: they could all match, and have no target.
  for (const count of [10, 100, 1_000, 10_000])
    report(
      `${count.toLocaleString('en')} rules that could match: a star at both ends`,
      load(rulesBy((place) => ({ tool: `*_x${place}*` }), count)),
      { runs: FEW_RUNS },
    )
  return results.every(Boolean)
}

const anyText = { type: 'string', pattern: '^(?:[a-z]+ ?)+$' }
const anyValue = { anyOf: [anyText, { type: 'array', uniqueItems: true, items: anyText }, { type: 'number' }] }
const constraints: Readonly<Record<string, object>> = {
  none: { notPaths: ['x'] },
  paths: { allowedPaths: ['/tmp/'], deniedPaths: ['**/.env', '**/.ssh/**', '*.pem'] },
  domains: { allowedDomains: ['api.example.com'] },
  schema: { arguments: { type: 'object', additionalProperties: anyValue } },
  unique: { arguments: { properties: { list: { type: 'array', uniqueItems: true } }, required: [] } },
}

function reportSlow({ what, value, text }: SlowArguments): boolean {
  const bytes = Buffer.from(text)
  const results = Object.entries(constraints).map(([name, each]) => {
    const policy = load([{ action: 'allow', constraints: each }])
    const { server, tool, principal, client } = call.context
    const one: PolicyCall = {
      ...{ server, tool, principal, client },
      ...{ argumentsValue: value, hasUnsafeNumber: () => hasUnsafeNumber(bytes) },
    }
    const { p50, processorP50 } = measure(() => decide(policy, one, facts), SLOW_RUNS)
    return { name, micros: Math.min(p50, processorP50) }
  })
  const cells = results.map(({ name, micros }) => `${name} ${(micros / 1_000).toFixed(1).padStart(5)}`)
  console.log(`${what.padEnd(44)} ${cells.join('   ')} ms`)
  return results.every(({ micros }) => micros <= SLOW_TARGET_MICROS)
}

const usual = [reportUsual(), reportGrowth()]
console.log('1 MB of arguments, median of the processor time under each constraint')
const slow = slowArguments().map(reportSlow)
process.exitCode = [...usual, ...slow].every(Boolean) ? 0 : 1
