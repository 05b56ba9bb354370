// The tools of a server from a JSON file: an answer to `tools/list` as it is, or its list alone.
import { readFileSync, statSync } from 'node:fs'
import { z } from 'zod'
import { systemCode, ToolwardenError } from '../events/errors.ts'
import type { SeenTool } from '../gateway/policy/lint-tools.ts'

/** Largest file of tools, in bytes. */
const MAX_TOOLS_BYTES = 16_777_216

const toolObject = z.object({
  name: z.string(),
  inputSchema: z.object({ properties: z.record(z.string(), z.unknown()).optional() }).optional(),
})
const list = z.array(toolObject)
const toolsFile = z.union([
  list,
  z.object({ tools: list }).transform(({ tools }) => tools),
  z.object({ result: z.object({ tools: list }) }).transform(({ result }) => result.tools),
])

/** Reads such a file; `server` is the name under which the policy knows the server. Throws USAGE. */
export function readToolsFile(file: string, server: string | undefined): readonly SeenTool[] {
  const fix = 'save an answer to tools/list: { "tools": [{ "name": "…", "inputSchema": { … } }] }'
  try {
    if (statSync(file).size > MAX_TOOLS_BYTES) throw new RangeError(`larger than ${MAX_TOOLS_BYTES} bytes`)
    const parsed = toolsFile.safeParse(JSON.parse(readFileSync(file, 'utf8')))
    if (parsed.success) return parsed.data.map((tool) => toSeenTool(tool, server))
  } catch (cause) {
    const why = systemCode(cause) ?? (cause instanceof Error ? cause.message : 'unknown reason')
    throw new ToolwardenError('USAGE', `the tools cannot be read: ${why}`, { where: file, fix, cause })
  }
  throw new ToolwardenError('USAGE', 'the file holds no list of tools', { where: file, fix })
}

function toSeenTool({ name, inputSchema }: z.output<typeof toolObject>, server: string | undefined): SeenTool {
  const names = inputSchema === undefined ? undefined : Object.keys(inputSchema.properties ?? {})
  return { server, tool: name, arguments: names }
}
