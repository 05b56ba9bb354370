// What the real command line says to bad input: what is wrong, where, and what to do, with the exit code of docs/errors.md
// and never a stack trace.
import assert from 'node:assert/strict'
import { chmodSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, before, describe, it } from 'node:test'
import { type CommandEnd, runCommand } from '../support/command.ts'

const STACK = /^ {4}at /m
const directory = mkdtempSync(join(tmpdir(), 'toolwarden-bad-input-'))
const data = join(directory, 'data')

/** Runs the command line on an installation that is whole unless the environment says otherwise. */
async function run(args: readonly string[], environment: NodeJS.ProcessEnv = {}): Promise<CommandEnd> {
  const { KAFKA_BROKERS: _, CLICKHOUSE_URL: _url, TOOLWARDEN_CONFIG: _config, ...inherited } = process.env
  const end = await runCommand(args, { ...inherited, TOOLWARDEN_DATA: data, LOG_LEVEL: 'error', ...environment })
  assert.doesNotMatch(end.errors, STACK)
  return end
}

/** A file of this test's directory. */
function file(name: string, text: string, mode = 0o600): string {
  const path = join(directory, name)
  writeFileSync(path, text, { mode })
  return path
}

/** An installation of its own, to be spoilt. */
async function newInstallation(name: string): Promise<string> {
  const own = join(directory, name)
  const { code, errors } = await run(['init'], { TOOLWARDEN_DATA: own })
  assert.equal(code, 0, errors)
  return own
}

before(async () => {
  assert.equal((await run(['init'])).code, 0)
})
after(() => rmSync(directory, { recursive: true }))

describe('the command line, given bad words', { concurrency: 2 }, () => {
  it('names an unknown command', async () => {
    const { code, errors } = await run(['guard'])
    assert.match(errors, /unknown command 'guard'.*toolwarden --help/s)
    assert.equal(code, 3)
  })

  it('names an unknown option and the one that was probably meant', async () => {
    const { code, errors } = await run(['up', '--prot', '1'])
    assert.match(errors, /unknown option '--prot'.*--port/s)
    assert.equal(code, 3)
  })

  it('says what a port is', async () => {
    const { code, errors } = await run(['up', '--port', '99999'])
    assert.match(errors, /--port.*99999.*0 to 65535/s)
    assert.equal(code, 3)
  })

  it('asks for a server command', async () => {
    const { code, errors } = await run(['gateway'])
    assert.match(errors, /USAGE: no server command\n {2}fix: toolwarden gateway --policy/)
    assert.equal(code, 3)
  })

  it('refuses a root for a server with several directories', async () => {
    const { code, errors } = await run(['gateway', '--root', directory, '--', 'cat', directory, tmpdir()])
    assert.match(errors, /USAGE: a root is declared.*at: --root.*\n {2}fix: leave the root out/s)
    assert.equal(code, 3)
  })

  it('refuses a name that cannot stand in a writer', async () => {
    const { code, errors } = await run(['gateway', '--name', 'a/b', '--', 'cat'])
    assert.match(errors, /USAGE: a name has.*at: --name\n {2}fix:/s)
    assert.equal(code, 3)
  })
})

describe('the command line, given a bad configuration', { concurrency: 2 }, () => {
  it('names every wrong key with line and column', async () => {
    const { code, errors } = await run(['up', '--config', file('keys.yaml', 'api:\n  port: x\n  nope: 1\n')])
    assert.match(errors, /CONFIG_INVALID.*keys\.yaml:2:\d+:api\.port.*keys\.yaml:3:\d+:api\.nope: unknown key.*fix:/s)
    assert.equal(code, 4)
  })

  it('names the place of a syntax error', async () => {
    const { code, errors } = await run(['gateway', '--config', file('syntax.yaml', 'api: [\n'), '--', 'cat'])
    assert.match(errors, /CONFIG_INVALID.*syntax\.yaml:\d+:\d+.*fix:/s)
    assert.equal(code, 4)
  })

  it('names a file that is not there', async () => {
    const { code, errors } = await run(['verify', '--config', join(directory, 'none.yaml')])
    assert.match(errors, /CONFIG_INVALID.*ENOENT\n {2}at: .*none\.yaml\n {2}fix:/s)
    assert.equal(code, 4)
  })

  for (const [variable, value] of [
    ['KAFKA_BROKERS', 'nonsense'],
    ['CLICKHOUSE_URL', 'nonsense'],
  ] as const) {
    it(`names ${variable}, when that is wrong`, async () => {
      const { code, errors } = await run(['up', '--port', '0'], { [variable]: value })
      assert.match(errors, new RegExp(`CONFIG_INVALID.*at: ${variable}`, 's'))
      assert.equal(code, 4)
    })
  }

  it('wants a ClickHouse server for a ledger on its own', async () => {
    const { code, errors } = await run(['ledger'])
    assert.match(errors, /CONFIG_INVALID.*chDB.*fix: set CLICKHOUSE_URL/s)
    assert.equal(code, 4)
  })
})

describe('the command line, given bad keys and directories', { concurrency: 2 }, () => {
  it('asks for init, when there is no installation', async () => {
    const { code, errors } = await run(['verify'], { TOOLWARDEN_DATA: join(directory, 'empty') })
    assert.match(errors, /KEY_MISSING.*installation\.json\n {2}fix: toolwarden init/s)
    assert.equal(code, 4)
  })

  it('names a missing key', async () => {
    const own = await newInstallation('missing')
    rmSync(join(own, 'installation', 'gateway.key'))
    const { code, errors } = await run(['gateway', '--', 'cat'], { TOOLWARDEN_DATA: own })
    assert.match(errors, /KEY_MISSING.*ENOENT\n {2}at: .*gateway\.key\n {2}fix:/s)
    assert.equal(code, 4)
  })

  it('refuses a key that others can read, and says which command mends it', async () => {
    const own = await newInstallation('readable')
    const key = join(own, 'installation', 'ledger.key')
    chmodSync(key, 0o644)
    const { code, errors } = await run(['up', '--port', '0'], { TOOLWARDEN_DATA: own })
    assert.match(errors, /KEY_INVALID: others can read this file\n {2}at: .*ledger\.key\n {2}fix: chmod 600 /)
    assert.equal(code, 4)
  })

  it('names a damaged key', async () => {
    const own = await newInstallation('damaged')
    writeFileSync(join(own, 'installation', 'api.key'), 'not a key')
    const { code, errors } = await run(['gateway', '--', 'cat'], { TOOLWARDEN_DATA: own })
    assert.match(errors, /KEY_INVALID.*at: .*api\.key/s)
    assert.equal(code, 4)
  })

  it('refuses a data directory that others can enter', async () => {
    const own = await newInstallation('open')
    chmodSync(own, 0o755)
    const { code, errors } = await run(['gateway', '--', 'cat'], { TOOLWARDEN_DATA: own })
    assert.match(errors, /CONFIG_INVALID: others can read the data directory.*fix: chmod 700 /s)
    assert.equal(code, 4)
  })

  for (const command of [['gateway', '--', 'cat'], ['up', '--port', '0'], ['init']]) {
    it(`says where ${command[0]} cannot make its data directory`, async () => {
      const { code, errors } = await run(command, { TOOLWARDEN_DATA: join(file('a-file', ''), 'data') })
      assert.match(errors, /CONFIG_INVALID.*ENOTDIR\n {2}at: .*a-file\/data\n {2}fix: set TOOLWARDEN_DATA/s)
      assert.equal(code, 4)
    })
  }
})

describe('a gateway that lacks something', { concurrency: 2 }, () => {
  it('names a server command that cannot be started', async () => {
    const { code, errors } = await run(['gateway', '--', '/no/such/server'])
    assert.match(errors, /UPSTREAM_UNAVAILABLE.*ENOENT\n {2}at: \/no\/such\/server\n {2}fix: check the command/s)
    assert.equal(code, 5)
  })

  it('says that every call is denied, when the policy is wrong, with the place of every error', async () => {
    const policy = file('policy.yaml', 'version: "1"\nrules:\n  - { id: 3, tool: "*" }\n')
    const { code, errors } = await run(['gateway', '--policy', policy, '--', 'true'])
    assert.match(errors, /every call is denied: POLICY_INVALID.*policy\.yaml:3:\d+:rules\[0\]\.id.*fix:/s)
    assert.equal(code, 0)
  })

  it('says that every call is denied, when the policy is not there', async () => {
    const { code, errors } = await run(['gateway', '--policy', join(directory, 'none.yaml'), '--', 'true'])
    assert.match(errors, /every call is denied.*ENOENT.*at: .*none\.yaml\n {2}fix:/s)
    assert.equal(code, 0)
  })
})

describe('a wrong Kafka address', () => {
  it('ends up, and says what to mend', async () => {
    const { code, errors } = await run(['up', '--port', '0'], { KAFKA_BROKERS: '127.0.0.1:1' })
    assert.match(errors, /(?:LOG|STORE)_UNAVAILABLE.*at: Kafka at 127\.0\.0\.1:1\n {2}fix: start the broker, or mend/s)
    assert.equal(code, 5)
  })

  it('is said by a gateway once, whose server still runs', async () => {
    const { code, errors } = await run(['gateway', '--', 'true'], { KAFKA_BROKERS: '127.0.0.1:1' })
    assert.match(errors, /LOG_UNAVAILABLE.*at: Kafka at 127\.0\.0\.1:1\n {2}fix:/s)
    const lines = errors.split('\n')
    assert.equal(new Set(lines).size, lines.length, errors)
    assert.equal(code, 0)
  })
})
