// `toolwarden policy` as its user runs it: what it prints, and the exit codes of docs/policy-commands.md.
import assert from 'node:assert/strict'
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, describe, it } from 'node:test'
import { PolicyFiles } from '../../cli/policy-files.ts'
import { type CommandEnd, runCommand } from '../support/command.ts'

const directory = mkdtempSync(join(tmpdir(), 'toolwarden-policy-commands-'))
after(() => rmSync(directory, { recursive: true }))

/** Runs a subcommand of `toolwarden policy`. */
async function run(...args: readonly string[]): Promise<CommandEnd> {
  const end = await runCommand(['policy', ...args], { ...process.env, TOOLWARDEN_DATA: join(directory, 'data') })
  assert.doesNotMatch(end.errors, /^ {4}at /m)
  return end
}

function file(name: string, text: string): string {
  const path = join(directory, name)
  writeFileSync(path, text)
  return path
}

const rules = `version: "1"
rules:
  - { id: read, tool: read_*, action: allow, constraints: { allowedPaths: ["/srv/"] } }
`
const good = file('good.yaml', rules)
const odd = file('odd.yaml', `${rules}  - { id: later, tool: read_a, action: deny }\n`)
const bad = file('bad.yaml', `${rules}  - { tool: x, acton: allow }\n`)

const recorded = JSON.stringify({
  ...{ call: 'c1', time: '2026-11-22T13:00:00Z', principal: 'agent:a', session: 's', server: 'f', tool: 'read_a' },
  ...{ arguments: { path: '/srv/a' }, decision: 'deny', reason: 'policy_default', rule: 'default' },
})

describe('toolwarden policy', { concurrency: 2 }, () => {
  it('lint ends with 0, when it finds nothing', async () => {
    const { code, output } = await run('lint', good)
    assert.deepEqual([code, output], [0, 'nothing found\n'])
  })

  it('explain takes the one server that the rules are for, when none is named', async () => {
    const path = file('one.yaml', rules.replace('tool: read_*', 'tool: read_*, server: files'))
    const { output } = await run('explain', path, '--tool', 'read_a', '--arguments', '{"path":"/srv/a"}', '--lexical')
    assert.match(output, /^allow \(policy_rule\) by rule read .*\n.*\nnot given, taken as: server files, /)
  })

  it('lint ends with 1 and the place, when a rule is never reached', async () => {
    const { code, output } = await run('lint', odd)
    assert.match(
      output,
      /odd\.yaml:4:5:rules\[1\]: warning: no call reaches this rule: read \(allow\).*\[unreachable\]/,
    )
    assert.equal(code, 1)
  })

  it('lint ends with 4 and the nearest key, when the policy does not load', async () => {
    const { code, output } = await run('lint', bad, '--json')
    const { findings } = JSON.parse(output) as { findings: { level: string; where: string; nearest?: string }[] }
    assert.deepEqual(
      [code, findings[0]?.level, findings.find(({ nearest }) => nearest === 'action')?.nearest],
      [4, 'error', 'action'],
    )
  })

  it('explain names rule, place and broken check', async () => {
    const { code, output } = await run('explain', good, '--tool', 'read_a', '--arguments', '{"path":"/etc/passwd"}')
    assert.match(output, /^deny \(constraint_path\) by rule read at .*good\.yaml:3:5\n/)
    assert.match(output, /"\/etc\/passwd": lies outside the allowed paths/)
    assert.equal(code, 0)
  })

  it('explain ends with 3, when the call is none', async () => {
    const { code, errors } = await run('explain', good, '--call', '{"tol":"x"}')
    assert.match(errors, /USAGE: .*tool: expected a name.*"tol"/s)
    assert.equal(code, 3)
  })

  it('test ends with 1 and both decisions, when a case fails', async () => {
    const cases = 'policy: good.yaml\ncases:\n  - { name: no, call: { tool: x }, expect: { decision: allow } }\n'
    const { code, output } = await run('test', file('t.yaml', cases))
    assert.match(output, /FAIL {2}no\n.*expected allow\n.*decided {2}deny by default \(policy_default\)/)
    assert.match(output, /0 of 1 cases pass/)
    assert.equal(code, 1)
  })

  it('test ends with 4, when the file of tests is none', async () => {
    const { code, errors } = await run('test', file('u.yaml', 'polcy: x\n'))
    assert.match(errors, /POLICY_INVALID: the test file has 3 errors.*did you mean "policy"/s)
    assert.equal(code, 4)
  })

  it('init writes a policy that lint accepts, and never over a file', async () => {
    const server = `node ${join(import.meta.dirname, '..', 'support', 'echo-server.js')}`
    const output = join(directory, 'echo.yaml')
    const made = await run('init', '--from-server', server, '--name', 'echo', '--output', output)
    const again = await run('init', '--from-server', server, '--output', output)
    assert.match(readFileSync(output, 'utf8'), /^# yaml-language-server: .*policy\.schema\.json\n.*- "echo"\n/s)
    assert.deepEqual([made.code, again.code], [0, 3])
    assert.match(again.errors, /USAGE: the file is there/)
  })

  it('diff ends with 1 and names what changed', async () => {
    const { code, output } = await run('diff', good, odd)
    assert.deepEqual([code, output], [1, '+ later (deny), as rule 2\nnothing is allowed that was not\n'])
  })

  it('explain tells what was decided on a recorded call, and what would be', async () => {
    const { code, output } = await run(
      'explain',
      good,
      '--id',
      'c1',
      '--history',
      file('one.calls.jsonl', `${recorded}\n`),
    )
    assert.match(
      output,
      /^allow \(policy_rule\) by rule read .*\n.*\nrecorded: deny \(policy_default\) by default, then deny\n/,
    )
    assert.equal(code, 0)
  })

  it('lint names rules that no recorded call was ever for', async () => {
    const unused = file('unused.yaml', `${rules}  - { id: later, tool: writ, action: deny }\n`)
    const { code, output } = await run('lint', unused, '--recorded', file('two.calls.jsonl', `${recorded}\n`))
    assert.match(output, /rules\[1\]\.tool\[0\]: note: none of the 1 tools seen has this name.*\[never-called\]/)
    assert.equal(code, 0)
  })

  it('diff counts the recorded calls that are decided otherwise', async () => {
    const call =
      '{"time":"2026-11-22T13:00:00Z","principal":"agent:a","session":"s","server":"f","tool":"read_a","arguments":{"path":"/srv/a"}}'
    const narrower = file('narrower.yaml', rules.replace('/srv/', '/srv/b/'))
    const { output } = await run('diff', good, narrower, '--history', file('h.calls.jsonl', `${call}\n`))
    assert.match(output, /1 of 1 calls of .* are decided otherwise\n +1 {2}allow -> deny {2}f\/read_a {2}by read/)
  })

  it('show lists what was in force and prints it by its hash', async () => {
    const data = join(directory, 'data')
    const { policy } = new PolicyFiles({ file: good, data, nowMs: () => 0, warn: assert.fail })
    assert.match((await run('show')).output, new RegExp(`^${policy?.hash}  `))
    assert.equal((await run('show', policy?.hash.slice(0, 8) ?? '')).output, rules)
    assert.match((await run('show', 'f'.repeat(64))).errors, /USAGE: no policy of this hash/)
  })
})
