// What a client must be able to do with the probe server, feature by feature; each check rejects where the feature is lost.
import assert from 'node:assert/strict'
import { Client } from '@modelcontextprotocol/sdk/client/index.js'
import type { Transport } from '@modelcontextprotocol/sdk/shared/transport.js'
import {
  CallToolResultSchema,
  CreateMessageRequestSchema,
  ElicitRequestSchema,
  ListRootsRequestSchema,
  LoggingMessageNotificationSchema,
  McpError,
  ResourceUpdatedNotificationSchema,
  ToolListChangedNotificationSchema,
} from '@modelcontextprotocol/sdk/types.js'
import { everyByte, LARGE_BYTES, PROBE_ERROR } from './probe-tools.ts'
import { until } from './until.ts'

/** A client that answers what the server asks, and keeps what it is told. */
export interface ProbeClient {
  readonly client: Client
  readonly told: readonly string[]
}

/** Connects a client with every capability. */
export async function connectProbe(transport: Transport): Promise<ProbeClient> {
  const capabilities = { sampling: {}, elicitation: { form: {} }, roots: { listChanged: true } }
  const client = new Client({ name: 'probe-client', version: '1' }, { capabilities })
  const told: string[] = []
  client.setRequestHandler(CreateMessageRequestSchema, () => ({
    model: 'none',
    role: 'assistant' as const,
    content: { type: 'text' as const, text: 'blue' },
  }))
  client.setRequestHandler(ElicitRequestSchema, () => ({ action: 'accept' as const, content: { colour: 'green' } }))
  client.setRequestHandler(ListRootsRequestSchema, () => ({ roots: [{ uri: 'file:///srv/probe' }] }))
  client.setNotificationHandler(ToolListChangedNotificationSchema, () => void told.push('tools changed'))
  client.setNotificationHandler(ResourceUpdatedNotificationSchema, ({ params }) => void told.push(params.uri))
  client.setNotificationHandler(
    LoggingMessageNotificationSchema,
    ({ params }) => void told.push(JSON.stringify(params)),
  )
  await client.connect(transport)
  return { client, told }
}

/** Every feature with its check. */
export const FEATURES: Readonly<Record<string, (probe: ProbeClient) => Promise<void>>> = {
  'server info': async ({ client }) => {
    assert.equal(client.getServerVersion()?.title, 'Probe')
    assert.match(client.getInstructions() ?? '', /one feature/)
  },
  'list of tools': async ({ client }) => assert.equal((await client.listTools()).tools.length, 17),
  'tool call': async (probe) => assert.equal(await say(probe, 'echo', { a: 'é' }), '{"a":"é"}'),
  'structured output': async ({ client }) => {
    const result = await client.callTool({ name: 'structured' })
    assert.deepEqual(result.structuredContent, { sum: 5 })
  },
  progress: async ({ client }) => {
    const steps: number[] = []
    await client.callTool({ name: 'progress' }, undefined, { onprogress: ({ progress }) => void steps.push(progress) })
    assert.deepEqual(steps, [1, 2, 3])
  },
  cancellation: async (probe) => {
    const abort = new AbortController()
    const onprogress = (): void => abort.abort('enough')
    const call = probe.client.callTool({ name: 'wait' }, undefined, { signal: abort.signal, onprogress })
    await assert.rejects(call)
    await until(async () => (await say(probe, 'aborted')) === '1')
  },
  sampling: async (probe) => assert.match(await say(probe, 'sample'), /blue/),
  elicitation: async (probe) => assert.match(await say(probe, 'elicit'), /green/),
  roots: async (probe) => assert.equal(await say(probe, 'roots'), 'file:///srv/probe'),
  list_changed: async (probe) => {
    await say(probe, 'change-tools')
    await until(() => probe.told.includes('tools changed'))
  },
  resources: async ({ client }) => {
    const { contents } = await client.readResource({ uri: 'probe://page/1' })
    assert.deepEqual(contents, [{ uri: 'probe://page/1', mimeType: 'text/plain', text: 'this is probe://page/1' }])
  },
  'resource templates': async ({ client }) => {
    const { resourceTemplates } = await client.listResourceTemplates()
    assert.equal(resourceTemplates[0]?.uriTemplate, 'probe://page/{number}')
  },
  subscriptions: async (probe) => {
    await probe.client.subscribeResource({ uri: 'probe://page/0' })
    await say(probe, 'update-resource')
    await until(() => probe.told.includes('probe://page/0'))
    await probe.client.unsubscribeResource({ uri: 'probe://page/0' })
  },
  prompts: async ({ client }) => {
    assert.equal((await client.listPrompts()).prompts[0]?.name, 'greet')
    const { messages } = await client.getPrompt({ name: 'greet', arguments: { who: 'Ada' } })
    assert.deepEqual(messages[0]?.content, { type: 'text', text: 'Greet Ada' })
  },
  completion: async ({ client }) => {
    const ref = { type: 'ref/prompt' as const, name: 'greet' }
    const { completion } = await client.complete({ ref, argument: { name: 'who', value: 'Pa' } })
    assert.deepEqual(completion.values, ['Paris'])
  },
  logging: async (probe) => {
    await probe.client.setLoggingLevel('debug')
    await say(probe, 'log')
    await until(() => probe.told.some((text) => text.includes('"logger":"probe"')))
  },
  _meta: async ({ client }) => {
    const result = await client.callTool({ name: 'meta', _meta: { 'example.org/sent': [1, 'two'] } })
    assert.deepEqual(result._meta?.['example.org/seen'], [1, 'two'])
  },
  'error codes': async ({ client }) => {
    await assert.rejects(client.callTool({ name: 'fail' }), (error: unknown) => {
      assert.ok(error instanceof McpError)
      assert.equal(error.code, PROBE_ERROR.code)
      assert.deepEqual(error.data, PROBE_ERROR.data)
      return true
    })
  },
  tasks: async ({ client }) => {
    const seen: string[] = []
    const call = { name: 'task', arguments: {} }
    const stream = client.experimental.tasks.callToolStream(call, CallToolResultSchema, { task: { ttl: 60_000 } })
    for await (const message of stream)
      seen.push(message.type === 'result' ? JSON.stringify(message.result.content) : message.type)
    assert.equal(seen[0], 'taskCreated')
    assert.match(seen.at(-1) ?? '', /task done/)
  },
  ping: async (probe) => {
    await probe.client.ping()
    assert.equal(await say(probe, 'ping'), 'pong')
  },
  pagination: async ({ client }) => {
    const pages: string[] = []
    let cursor: string | undefined
    do {
      const page = await client.listResources(cursor === undefined ? {} : { cursor })
      pages.push(...page.resources.map(({ name }) => name))
      cursor = page.nextCursor
    } while (cursor !== undefined)
    assert.deepEqual(pages, ['page 0', 'page 1', 'page 2'])
  },
  'large content': async (probe) => assert.equal((await say(probe, 'large')).length, LARGE_BYTES),
  'binary content': async ({ client }) => {
    const { content } = await client.callTool({ name: 'binary' })
    const [image, audio, blob] = content as readonly { data?: string; resource?: { blob?: string } }[]
    assert.deepEqual([image?.data, audio?.data, blob?.resource?.blob], [everyByte(), everyByte(), everyByte()])
  },
}

async function say({ client }: ProbeClient, name: string, args: Record<string, unknown> = {}): Promise<string> {
  const { content } = await client.callTool({ name, arguments: args })
  return (content as readonly { readonly text?: string }[])[0]?.text ?? ''
}
