// Which arguments of which tools stand in fields too (MCP 2026-07-28, `x-mcp-header`; SEP-2243), learnt from the server's own
// lists: a client on stdio has no fields, so that the gateway writes them for it.
import { asObject, type Message, type MessageValue } from '../message.ts'
import type { HeaderList } from './headers.ts'
import { encodeMirrored } from './mirrored-headers.ts'

/** The most tools and mirrored arguments of a tool that are kept, and how deep a schema is looked into. */
const MAX_TOOLS = 10_000
const MAX_MIRRORED = 50
const MAX_DEPTH = 8
const FIELD_NAME = /^[!#$%&'*+.^_`|~0-9A-Za-z-]{1,100}$/

/** The keys that lead to an argument, and the end of its field's name. */
interface Mirrored {
  readonly path: readonly string[]
  readonly field: string
}

/** What one server's lists say. */
export class MirroredArguments {
  readonly #byTool = new Map<string, readonly Mirrored[]>()

  /** Takes the answer to `tools/list`. */
  learn({ result }: MessageValue): void {
    const tools = asObject(result)?.tools
    if (!Array.isArray(tools)) return
    for (const tool of (tools as unknown[]).map(asObject)) {
      if (typeof tool?.name !== 'string' || this.#byTool.size >= MAX_TOOLS) continue
      const mirrored = [...mirroredIn(asObject(tool.inputSchema), [])].slice(0, MAX_MIRRORED)
      if (mirrored.length > 0) this.#byTool.set(tool.name, mirrored)
      else this.#byTool.delete(tool.name)
    }
  }

  /** The fields of a call; arguments that are absent, null or no plain value have none. */
  fieldsOf({ method, value }: Extract<Message, { kind: 'request' | 'notification' }>): HeaderList {
    const params = asObject(value.params)
    const mirrored = method === 'tools/call' ? this.#byTool.get(String(params?.name)) : undefined
    return (mirrored ?? []).flatMap(({ path, field }) => {
      const found = path.reduce<unknown>((inner, key) => asObject(inner)?.[key], params?.arguments)
      const isPlain = typeof found === 'string' || typeof found === 'number' || typeof found === 'boolean'
      return isPlain ? [[`Mcp-Param-${field}`, encodeMirrored(String(found))] as const] : []
    })
  }
}

function* mirroredIn(schema: MessageValue | undefined, path: readonly string[]): Generator<Mirrored> {
  if (path.length > MAX_DEPTH) return
  for (const [key, property] of Object.entries(asObject(schema?.properties) ?? {})) {
    const inner = asObject(property)
    const field = inner?.['x-mcp-header']
    if (typeof field === 'string' && FIELD_NAME.test(field)) yield { path: [...path, key], field }
    yield* mirroredIn(inner, [...path, key])
  }
}
