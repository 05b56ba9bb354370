// The import layers of docs/architecture.md, as biome.json enforces them: each line of the tables below
// is linted as an import standing in that file.
import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { type LintFinding, lintSandbox } from '../support/lint-sandbox.ts'

interface Layer {
  readonly refused: readonly string[]
  readonly allowed: readonly string[]
}

const events = '../events/log.ts'
const gateway = '../gateway/recorder.ts'
const ledger = '../ledger/ingest.ts'
const detectors = '../detectors/run.ts'
const api = '../api/app.ts'
const cli = '../cli/config.ts'
const page = '../console/page.ts'
const support = '../test/support/run.ts'
const bench = '../bench/append.bench.ts'
const outside = [page, support, bench]
const kafka = ['kafkajs', 'kafkajs/index.js']
const store = ['@clickhouse/client', 'chdb', 'chdb/connection']
const mcp = ['@modelcontextprotocol/sdk/types.js', '@modelcontextprotocol/sdk/client/index.js']

const layers: Readonly<Record<string, Layer>> = {
  'events/sample.ts': {
    refused: [gateway, ledger, detectors, api, cli, ...outside, ...kafka, ...store, ...mcp],
    allowed: ['./log.ts', 'zod', 'node:fs'],
  },
  'events/kafka-log.ts': {
    refused: [gateway, ledger, detectors, api, cli, ...outside, ...store, ...mcp],
    allowed: ['./log.ts', ...kafka],
  },
  'gateway/sample.ts': {
    refused: [ledger, detectors, api, cli, ...outside, ...kafka, ...store],
    allowed: [events, './policy/match.ts', ...mcp],
  },
  'gateway/policy/sample.ts': {
    refused: [`../${ledger}`, `../${detectors}`, `../${api}`, `../${cli}`, ...kafka],
    allowed: [`../${events}`, '../recorder.ts', './match.ts'],
  },
  'ledger/sample.ts': {
    refused: [gateway, detectors, api, cli, ...outside, ...kafka, ...store, ...mcp],
    allowed: [events, './store.ts', './clickhouse-store.ts'],
  },
  'ledger/clickhouse-store.ts': {
    refused: [gateway, detectors, api, cli, ...outside, ...kafka, ...mcp],
    allowed: [events, ...store],
  },
  'detectors/sample.ts': {
    refused: [gateway, ledger, api, cli, ...outside, ...kafka, ...store, ...mcp],
    allowed: [events, './detector.ts'],
  },
  'api/sample.ts': {
    refused: [gateway, detectors, cli, ...outside, ...kafka, ...store, ...mcp],
    allowed: [events, ledger, 'hono'],
  },
  'cli/sample.ts': {
    refused: [...outside, ...kafka, ...store, ...mcp],
    allowed: [events, gateway, ledger, detectors, api],
  },
  'cli/demo-client.ts': {
    refused: [...outside, ...kafka, ...store],
    allowed: [events, gateway, ledger, detectors, api, ...mcp],
  },
  'console/sample.ts': {
    refused: [events, gateway, ledger, detectors, api, cli, support, bench, ...kafka, ...store, ...mcp],
    allowed: ['./chart.ts'],
  },
  'test/gateway/sample.ts': {
    refused: [],
    allowed: ['../../gateway/recorder.ts', '../support/run.ts', ...kafka, ...store, ...mcp],
  },
  'bench/sample.ts': { refused: [], allowed: [events, gateway, support] },
}

/** Every form that reaches a module: whichever it is, the layer holds. */
const forms: Readonly<Record<string, string>> = {
  'events/form-import.ts': "import { Kafka } from 'kafkajs'\n",
  'events/form-type.ts': "import type { Kafka } from 'kafkajs'\n",
  'events/form-dynamic.ts': "export const load = () => import('kafkajs')\n",
  'events/form-export.ts': "export { Kafka } from 'kafkajs'\n",
}

function toSource({ refused, allowed }: Layer): string {
  return [...refused, ...allowed].map((specifier) => `import '${specifier}'\n`).join('')
}

function restricted(findings: readonly LintFinding[], path: string): readonly number[] {
  const found = findings.filter((finding) => finding.path === path && finding.rule === 'lint/style/noRestrictedImports')
  return found.map(({ line }) => line).toSorted((a, b) => a - b)
}

describe('import layers', () => {
  const sources = Object.entries(layers).map(([path, layer]) => [path, toSource(layer)])
  const findings = lintSandbox({ ...Object.fromEntries(sources), ...forms })

  for (const [path, { refused, allowed }] of Object.entries(layers)) {
    it(`refuses ${refused.length} and allows ${allowed.length} imports in ${path}`, () => {
      assert.deepEqual(
        restricted(findings, path),
        refused.map((_, index) => index + 1),
      )
    })
  }

  for (const path of Object.keys(forms)) {
    it(`refuses kafkajs in ${path}`, () => assert.deepEqual(restricted(findings, path), [1]))
  }
})
