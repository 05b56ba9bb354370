// One configuration for every role: what the file says, what the environment says instead, and what is wrong with either.
import assert from 'node:assert/strict'
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, it } from 'node:test'
import { type Config, loadConfig } from '../../cli/config.ts'
import { describeError, ToolwardenError } from '../../events/errors.ts'
import { withCode } from '../support/errors.ts'

let home: string
beforeEach(() => {
  home = mkdtempSync(join(tmpdir(), 'toolwarden-config-'))
})
afterEach(() => rmSync(home, { recursive: true }))

function load(text: string, environment: NodeJS.ProcessEnv = {}): Promise<Config> {
  const file = join(home, 'toolwarden.yaml')
  writeFileSync(file, text)
  return loadConfig({ HOME: home, ...environment }, file)
}

/** What a person would read. */
async function complaint(work: Promise<unknown>): Promise<string> {
  const error: unknown = await work.then(
    () => assert.fail('nothing is wrong'),
    (reason: unknown) => reason,
  )
  assert.ok(error instanceof ToolwardenError && error.code === 'CONFIG_INVALID', String(error))
  return describeError(error)
}

describe('a configuration without a file', () => {
  it('has every default, and its data in the user’s data directory', async () => {
    const config = await loadConfig({ HOME: home, XDG_DATA_HOME: join(home, 'share') })
    assert.equal(config.data, join(home, process.platform === 'linux' ? 'share/toolwarden' : ''))
    assert.deepEqual(config.gateway.record, {
      arguments: 'redacted',
      results: 'commitment',
      maxBytes: 65_536,
      redact: [],
    })
    assert.equal(config.kafka ?? config.clickhouse ?? config.log, undefined)
  })

  it('never looks into the working directory: empty variables and relative XDG directories do not count', async () => {
    const empty = {
      TOOLWARDEN_DATA: '',
      TOOLWARDEN_CONFIG: '',
      TOOLWARDEN_LOG: '',
      KAFKA_BROKERS: '',
      CLICKHOUSE_URL: '',
    }
    const config = await loadConfig({ HOME: home, XDG_DATA_HOME: 'relative', ...empty })
    assert.equal(config.data, join(home, '.local', 'share', 'toolwarden'))
    assert.equal(config.kafka, undefined)
  })

  it('is refused, when the named file is not there', async () => {
    assert.match(
      await complaint(loadConfig({ HOME: home }, join(home, 'none.yaml'))),
      /\(?ENOENT\)?\n {2}at: .*none\.yaml/,
    )
  })
})

describe('a configuration file', () => {
  it('is taken from the data directory, or where TOOLWARDEN_CONFIG says', async () => {
    const data = join(home, 'data')
    mkdirSync(data)
    writeFileSync(join(data, 'toolwarden.yaml'), 'log: one\n')
    writeFileSync(join(home, 'other.yaml'), 'log: two\n')
    const { log, file } = await loadConfig({ TOOLWARDEN_DATA: data })
    assert.deepEqual([log, file], ['one', join(data, 'toolwarden.yaml')])
    const other = join(home, 'other.yaml')
    const named = await loadConfig({ TOOLWARDEN_DATA: data, TOOLWARDEN_CONFIG: other })
    assert.deepEqual([named.log, named.file], ['two', other])
  })

  const wrong: readonly (readonly [text: string, said: RegExp])[] = [
    ['log: x\ngatway: {}\n', /toolwarden\.yaml:2:1.*: unknown key "gatway"/],
    ['gateway:\n  record:\n    arguments: all\n', /toolwarden\.yaml:3:5:.*"full"\|"redacted"\|"commitment"/],
    ['log: x\nlog: y\n', /toolwarden\.yaml:2:1: Map keys must be unique/],
    ['a: [1,\n', /toolwarden\.yaml:2:1: /],
    ['data: relative/path\n', /toolwarden\.yaml:1:1:data: expected an absolute path/],
    ['kafka:\n  brokers: []\n', /toolwarden\.yaml:2:3:kafka\.brokers/],
    [
      'a: &a [1]\nb: &b [*a,*a,*a,*a,*a,*a,*a,*a,*a,*a,*a]\nc: [*b,*b,*b,*b,*b,*b,*b,*b,*b,*b,*b]\n',
      /can't be read: .*alias/,
    ],
    ['- 1\n', /toolwarden\.yaml:1:1.*expected object/],
    [
      'clickhouse:\n  url: http://u:hunter2@host:8123\n',
      /toolwarden\.yaml:2:3:clickhouse\.url: user and password have keys/,
    ],
  ]
  for (const [text, said] of wrong) {
    it(`is refused with line and column: ${JSON.stringify(text).slice(0, 50)}`, async () => {
      const message = await complaint(load(text))
      assert.match(message, said)
      assert.doesNotMatch(message, /hunter2/)
    })
  }

  it('is refused with every error at once', async () => {
    const message = await complaint(load('durability: none\nextra: 1\ngateway:\n  control: { maxAgeMs: 1 }\n'))
    assert.match(message, /the configuration has 3 errors(?:\n {2}.*toolwarden\.yaml:\d+:\d+:.*){3}\n/)
  })
})

describe('the environment', () => {
  it('overrides the file: data, log, brokers, store', async () => {
    const text =
      'log: file\nkafka:\n  brokers: ["a:1"]\n  topicPrefix: mine\nclickhouse:\n  url: http://one:8123\n  database: kept\n'
    const config = await load(text, {
      TOOLWARDEN_DATA: join(home, 'elsewhere'),
      TOOLWARDEN_LOG: 'environment',
      KAFKA_BROKERS: 'b:2, c:3',
      CLICKHOUSE_URL: 'https://user:p%40ss@two:9/',
    })
    assert.equal(config.data, join(home, 'elsewhere'))
    assert.equal(config.log, 'environment')
    assert.deepEqual([config.kafka?.brokers, config.kafka?.topicPrefix], [['b:2', 'c:3'], 'mine'])
    assert.deepEqual(config.clickhouse, { url: 'https://two:9/', user: 'user', password: 'p@ss', database: 'kept' })
  })

  const secrets = [
    'http://u:hunter2@',
    'u:hunter2@host',
    'http://u:hunter2%zz@host',
    'ftp://u:hunter2@host',
    'http://u:hunter2@host:99999',
  ]
  for (const url of secrets) {
    it(`is refused without a password in any message: ${url.replace('hunter2', '…')}`, async () => {
      const failed = load('', { CLICKHOUSE_URL: url })
      await assert.rejects(failed, withCode('CONFIG_INVALID', /CLICKHOUSE_URL/))
      const error = await failed.catch((reason: unknown) => reason)
      assert.doesNotMatch(
        JSON.stringify(error, Object.getOwnPropertyNames(error)) + String((error as Error).cause),
        /hunter2/,
      )
    })
  }

  it('is refused, naming the variable, when a broker or a log has no name', async () => {
    assert.match(
      await complaint(load('', { KAFKA_BROKERS: 'nowhere' })),
      /KAFKA_BROKERS is not valid: a broker is written host:port/,
    )
    assert.match(await complaint(load('', { TOOLWARDEN_LOG: 'x'.repeat(600) })), /TOOLWARDEN_LOG is not valid/)
  })
})

describe('the digest of a configuration', () => {
  it('changes with what counts and never with a password, which could be tried out', async () => {
    const digestOf = async (text: string, environment?: NodeJS.ProcessEnv): Promise<string> =>
      (await load(text, environment)).digest
    const store = (password: string): string => `clickhouse: { url: "http://h:1", user: u, password: ${password} }\n`
    assert.equal(await digestOf(store('one')), await digestOf(store('two')))
    assert.notEqual(await digestOf(''), await digestOf('durability: process\n'))
    assert.notEqual(await digestOf(''), await digestOf('', { KAFKA_BROKERS: 'b:2' }))
  })
})
