// All servers of one agent conversation share a session, although each has a gateway of its own behind its own launchers.
import assert from 'node:assert/strict'
import { hostname } from 'node:os'
import { describe, it } from 'node:test'
import { clientSession, defaultPrincipal } from '../../cli/session.ts'

interface Info {
  readonly parent: number
  readonly started: string
  readonly command: readonly string[]
}

const client: Info = { parent: 1, started: '100', command: ['/opt/Claude/claude', '--x'] }
const npx: Info = { parent: 10, started: '200', command: ['npm exec toolwarden gateway'] }
const shell: Info = { parent: 11, started: '201', command: ['/bin/sh', '-c', 'toolwarden gateway'] }

function sessionOf(processes: Readonly<Record<number, Info>>, parent: number, principal = 'agent:a@h'): string {
  return clientSession(principal, parent, (pid) => processes[pid])
}

describe('clientSession', () => {
  it('is the same for two gateways of one client, whatever launches them', () => {
    const processes = { 10: client, 11: npx, 12: shell, 20: { ...shell, parent: 10 } }
    const sessions = [10, 11, 12, 20].map((parent) => sessionOf(processes, parent))
    assert.equal(new Set(sessions).size, 1)
    assert.match(sessions[0] ?? '', /^process:[0-9a-f]{32}$/)
  })

  it('is another one for another client, another start of it, another principal', () => {
    const sessions = [
      sessionOf({ 10: client }, 10),
      sessionOf({ 30: client }, 30),
      sessionOf({ 10: { ...client, started: '101' } }, 10),
      sessionOf({ 10: client }, 10, 'agent:b@h'),
    ]
    assert.equal(new Set(sessions).size, 4)
  })

  it('passes over every known launcher and no other program', () => {
    const launchers = [
      ['npx', 'x'],
      ['node', '/usr/lib/npm/bin/npx-cli.js', 'x'],
      ['bash', '-lc', 'x'],
      ['env', 'A=1', 'x'],
      ['sh', '-c', 'x'],
    ]
    const others = [['bash'], ['sh', 'script.sh'], ['node', '/opt/agent/main.js'], ['code']]
    const isPassed = (command: readonly string[]): boolean =>
      sessionOf({ 10: client, 11: { ...npx, command } }, 11) === sessionOf({ 10: client }, 10)
    assert.deepEqual(launchers.map(isPassed), [true, true, true, true, true])
    assert.deepEqual(others.map(isPassed), [false, false, false, false])
  })

  it('ends, when launchers are their own parents or nothing is known', () => {
    assert.match(sessionOf({ 11: { ...npx, parent: 11 } }, 11), /^process:/)
    assert.match(sessionOf({}, 99), /^process:/)
  })

  it('looks at the real processes by itself', () => {
    assert.equal(clientSession('p', process.ppid), clientSession('p', process.ppid))
    assert.notEqual(clientSession('p', process.pid), clientSession('p', 1))
  })
})

describe('defaultPrincipal', () => {
  it('is an agent of this user on this host', () => {
    assert.match(defaultPrincipal(), /^agent:.+@.+$/)
  })

  it('names the uid, where the user has no name, as in many containers', () => {
    const nameless = (): never => {
      throw Object.assign(new Error('no entry'), { code: 'ERR_SYSTEM_ERROR' })
    }
    assert.equal(defaultPrincipal(nameless), `agent:uid-${process.getuid?.() ?? 'unknown'}@${hostname()}`)
  })
})
