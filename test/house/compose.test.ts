// compose.yaml, checked without Docker: what the Compose specification asks of a service, and what we ask of ours
// (pinned images, health checks, loopback only, no privileges, no password in the file).
import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, it } from 'node:test'
import { parse } from 'yaml'
import { z } from 'zod'
import { projectRoot } from '../support/project-root.ts'

const healthcheck = z.strictObject({
  test: z.tuple([z.literal(['CMD', 'CMD-SHELL']), z.string()], z.string()),
  interval: z.string(),
  timeout: z.string(),
  retries: z.int().positive(),
  start_period: z.string(),
})

const condition = z.literal(['service_started', 'service_healthy', 'service_completed_successfully'])

const service = z.strictObject({
  image: z.string(),
  build: z.string().optional(),
  command: z.array(z.string()).optional(),
  restart: z.literal(['no', 'always', 'on-failure', 'unless-stopped']),
  init: z.boolean().optional(),
  read_only: z.boolean().optional(),
  tmpfs: z.array(z.string()).optional(),
  cap_drop: z.array(z.string()).optional(),
  security_opt: z.array(z.string()),
  network_mode: z.string().optional(),
  ports: z.array(z.string()).default([]),
  volumes: z.array(z.string()).default([]),
  environment: z.record(z.string(), z.union([z.string(), z.number()])).default({}),
  ulimits: z.record(z.string(), z.strictObject({ soft: z.int(), hard: z.int() })).optional(),
  depends_on: z.record(z.string(), z.strictObject({ condition })).default({}),
  healthcheck: healthcheck.optional(),
})

const compose = z.object({
  name: z.string().regex(/^[a-z0-9][a-z0-9_-]*$/),
  services: z.record(z.string(), service),
  volumes: z.record(z.string(), z.null()),
})

const text = readFileSync(join(projectRoot, 'compose.yaml'), 'utf8')
const { services, volumes } = compose.parse(parse(text, { merge: true }))
const roles = ['init', 'ledger', 'detectors', 'api']
const lasting = Object.entries(services).filter(([name]) => name !== 'init')

describe('compose.yaml', () => {
  it('runs the broker, the store and each role', () => {
    assert.deepEqual(Object.keys(services), ['kafka', 'clickhouse', ...roles])
    assert.deepEqual(
      roles.map((name) => services[name]?.command?.[0]),
      roles,
    )
  })

  it('pins every image to a version', () => {
    for (const { image } of Object.values(services)) assert.match(image, /^[a-z/-]+:\d+\.\d+(\.\d+)?$/)
  })

  it('gives every lasting service a health check', () => {
    for (const [name, { healthcheck: check }] of lasting) assert.ok(check, name)
  })

  it('publishes ports on loopback only', () => {
    const ports = Object.values(services).flatMap((each) => each.ports)
    assert.deepEqual(ports.toSorted(), ['127.0.0.1:8787:8787', '127.0.0.1:9094:9094'])
  })

  it('drops every privilege of our own containers', () => {
    for (const role of roles) {
      const { read_only, cap_drop, security_opt } = services[role] ?? {}
      assert.deepEqual(
        { read_only, cap_drop, security_opt },
        { read_only: true, cap_drop: ['ALL'], security_opt: ['no-new-privileges:true'] },
      )
    }
  })

  it('waits for services that exist, for the condition they can reach', () => {
    for (const { depends_on } of Object.values(services)) {
      for (const [name, { condition: wanted }] of Object.entries(depends_on)) {
        assert.equal(wanted, name === 'init' ? 'service_completed_successfully' : 'service_healthy')
        assert.ok(services[name], name)
      }
    }
  })

  it('mounts volumes that are declared', () => {
    const mounted = Object.values(services).flatMap((each) => each.volumes.map((volume) => volume.split(':')[0]))
    assert.deepEqual([...new Set(mounted)].toSorted(), Object.keys(volumes).toSorted())
  })

  it('asks for each password instead of naming one', () => {
    const values = Object.values(services).flatMap((each) => Object.entries(each.environment))
    const secrets = values.filter(([name, value]) => /PASSWORD|TOKEN|SECRET/.test(`${name} ${value}`))
    assert.ok(secrets.length > 0)
    for (const [name, value] of secrets) assert.match(String(value), /\$\{[A-Z_]+:\?[^}]+\}/, name)
  })
})
