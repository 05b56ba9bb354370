// What the server for the conformance suite offers: tools, resources and prompts with the names and contents that the
// suite's server scenarios ask for (their requirements are in the description of each scenario). Pure data.

/** A JSON object. */
export type Json = Readonly<Record<string, unknown>>

/** The revisions differ in what a server may ask of its client, and so in its tools. */
export type Era = 'legacy' | 'modern'

/** A JSON-RPC error on its way to the client; `status` is the one of HTTP in the modern era. */
export class RpcError extends Error {
  readonly code: number
  readonly data: Json | undefined

  constructor(code: number, message: string, data?: Json) {
    super(message)
    this.code = code
    this.data = data
  }
}

export const INVALID_PARAMS = -32602
const LEGACY_NOT_FOUND = -32002

/** One pixel. */
const PNG = 'iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg=='
/** A WAV header without a sample. */
const WAV = 'UklGRiQAAABXQVZFZm10IBAAAAABAAEAQB8AAIA+AAACABAAZGF0YQAAAAA='

const EMPTY_INPUT = { type: 'object', properties: {} }

/** A text block. */
export function textBlock(text: string): Json {
  return { type: 'text', text }
}

/** A result with one text block. */
export function textResult(text: string): Json {
  return { content: [textBlock(text)] }
}

const image = { type: 'image', data: PNG, mimeType: 'image/png' }
const embedded = (uri: string, mimeType: string, text: string): Json => ({
  type: 'resource',
  resource: { uri, mimeType, text },
})

/** Tools whose result is always the same. */
export const CONSTANT_TOOLS: ReadonlyMap<string, Json> = new Map<string, Json>([
  ['test_simple_text', textResult('This is a simple text response for testing.')],
  ['test_image_content', { content: [image] }],
  ['test_audio_content', { content: [{ type: 'audio', data: WAV, mimeType: 'audio/wav' }] }],
  [
    'test_embedded_resource',
    { content: [embedded('test://embedded-resource', 'text/plain', 'This is an embedded resource content.')] },
  ],
  [
    'test_multiple_content_types',
    {
      content: [
        textBlock('Multiple content types test:'),
        image,
        embedded('test://mixed-content-resource', 'application/json', '{"test":"data","value":123}'),
      ],
    },
  ],
  [
    'test_error_handling',
    { isError: true, content: [textBlock('This tool intentionally returns an error for testing')] },
  ],
  ['json_schema_2020_12_tool', textResult('read')],
])

const SCHEMA_2020_12 = {
  $schema: 'https://json-schema.org/draft/2020-12/schema',
  type: 'object',
  $defs: { address: { $anchor: 'addressDef', type: 'object', properties: { street: { type: 'string' } } } },
  properties: {
    address: { $ref: '#/$defs/address' },
    contactMethod: { type: 'string', enum: ['phone', 'email'] },
    phone: { type: 'string' },
    email: { type: 'string' },
  },
  allOf: [{ anyOf: [{ required: ['phone'] }, { required: ['email'] }] }],
  if: { properties: { contactMethod: { const: 'phone' } }, required: ['contactMethod'] },
  // biome-ignore lint/suspicious/noThenProperty: a keyword of JSON Schema
  then: { required: ['phone'] },
  else: { required: ['email'] },
  additionalProperties: false,
}

/** The argument of `test_custom_header` that its field `Mcp-Param-Region` mirrors. */
export const MIRRORED_ARGUMENT = { tool: 'test_custom_header', argument: 'region', field: 'Region' } as const

const INPUTS: Readonly<Record<string, Json>> = {
  json_schema_2020_12_tool: SCHEMA_2020_12,
  test_sampling: { type: 'object', properties: { prompt: { type: 'string' } }, required: ['prompt'] },
  test_elicitation: { type: 'object', properties: { message: { type: 'string' } }, required: ['message'] },
  [MIRRORED_ARGUMENT.tool]: {
    type: 'object',
    properties: { region: { type: 'string', 'x-mcp-header': MIRRORED_ARGUMENT.field } },
    required: ['region'],
  },
}

/** Tools by what they are named, in a fixed order. */
export function listTools(names: Iterable<string>): readonly Json[] {
  return [...CONSTANT_TOOLS.keys(), ...names].map((name) => ({
    name,
    description: `Shows ${name.replaceAll('_', ' ')}.`,
    inputSchema: INPUTS[name] ?? EMPTY_INPUT,
  }))
}

export const RESOURCES: readonly Json[] = [
  { uri: 'test://static-text', name: 'static-text', description: 'A text.', mimeType: 'text/plain' },
  { uri: 'test://static-binary', name: 'static-binary', description: 'A picture.', mimeType: 'image/png' },
  { uri: 'test://watched-resource', name: 'watched-resource', description: 'A text.', mimeType: 'text/plain' },
]

export const RESOURCE_TEMPLATES: readonly Json[] = [
  { uriTemplate: 'test://template/{id}/data', name: 'template', description: 'By its number.' },
]

/** Reads a resource. Throws an RpcError where there is none. */
export function readResource(uri: unknown, era: Era): Json {
  const id = /^test:\/\/template\/([^/]+)\/data$/.exec(String(uri))?.[1]
  if (id !== undefined) {
    const text = JSON.stringify({ id, templateTest: true, data: `Data for ID: ${id}` })
    return { contents: [{ uri, mimeType: 'application/json', text }] }
  }
  if (uri === 'test://static-binary') return { contents: [{ uri, mimeType: 'image/png', blob: PNG }] }
  if (RESOURCES.some((resource) => resource.uri === uri)) {
    const text = 'This is the content of the static text resource.'
    return { contents: [{ uri, mimeType: 'text/plain', text }] }
  }
  // SEP-2164 gave the code up that earlier revisions name.
  throw new RpcError(era === 'legacy' ? LEGACY_NOT_FOUND : INVALID_PARAMS, 'Resource not found', { uri })
}

const argument = (name: string): Json => ({ name, description: `The ${name}.`, required: true })

export const PROMPTS: readonly Json[] = [
  { name: 'test_simple_prompt', description: 'A prompt.' },
  {
    name: 'test_prompt_with_arguments',
    description: 'A prompt.',
    arguments: [argument('arg1'), argument('arg2')],
  },
  {
    name: 'test_prompt_with_embedded_resource',
    description: 'A prompt.',
    arguments: [argument('resourceUri')],
  },
  { name: 'test_prompt_with_image', description: 'A prompt.' },
]

const userMessages = (...contents: readonly Json[]): Json => ({
  messages: contents.map((content) => ({ role: 'user', content })),
})

/** Gets a prompt. Throws an RpcError where there is none. */
export function getPrompt(name: unknown, args: Json): Json {
  switch (name) {
    case 'test_simple_prompt':
      return userMessages(textBlock('This is a simple prompt for testing.'))
    case 'test_prompt_with_arguments':
      return userMessages(textBlock(`Prompt with arguments: arg1='${args.arg1}', arg2='${args.arg2}'`))
    case 'test_prompt_with_embedded_resource':
      return userMessages(
        embedded(String(args.resourceUri), 'text/plain', 'Embedded resource content for testing.'),
        textBlock('Please process the embedded resource above.'),
      )
    case 'test_prompt_with_image':
      return userMessages(image, textBlock('Please analyze the image above.'))
    default:
      throw new RpcError(INVALID_PARAMS, 'No such prompt')
  }
}

/** Answers `completion/complete` with what begins as the argument does. */
export function complete(params: Json): Json {
  const { value } = (params.argument ?? {}) as { readonly value?: string }
  const values = ['paris', 'park', 'party', 'test'].filter((each) => each.startsWith(value ?? ''))
  return { completion: { values, total: values.length, hasMore: false } }
}
