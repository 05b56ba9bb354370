// `toolwarden policy init --from-server`: asks a server for its tools and writes a commented first policy for it.
import { resolve } from 'node:path'
import { z } from 'zod'
import { ToolwardenError } from '../events/errors.ts'
import { type DescribedTool, writeStarterPolicy } from '../gateway/policy/starter.ts'
import { type AskFlags, askServer } from './asked-server.ts'
import { loadConfig } from './config.ts'
import { type OutputFlags, schemaComment, writePolicy } from './policy-output.ts'
import { readServerTools } from './server-definitions.ts'
import { listServerDirectories } from './server-directories.ts'

/** Options as commander gives them. */
export interface PolicyInitFlags extends AskFlags, OutputFlags {
  readonly fromServer: string
  readonly root?: readonly string[]
  readonly json?: boolean
}

const hint = z.boolean().optional().catch(undefined)
const toolObject = z.object({
  name: z.string().min(1),
  annotations: z.object({ readOnlyHint: hint, destructiveHint: hint }).optional().catch(undefined),
  inputSchema: z
    .object({ properties: z.record(z.string(), z.unknown()).optional().catch(undefined) })
    .optional()
    .catch(undefined),
})

/** Asks, writes and says what was written. Throws USAGE, UPSTREAM_UNAVAILABLE. */
export async function runPolicyInit(flags: PolicyInitFlags): Promise<void> {
  const { name, command, tools } = await readDescribedTools(flags.fromServer, flags)
  const roots = flags.root?.map((root) => resolve(root)) ?? listServerDirectories(command)
  const { data } = await loadConfig(process.env, flags.config)
  const text = writeStarterPolicy({ server: name, tools, roots, schemaComment: schemaComment(data) })
  const file = writePolicy(text, `${name}.policy.yaml`, flags)
  if (file === undefined) return
  if (flags.json === true) return print(JSON.stringify({ file, server: name, tools: tools.length, roots }))
  const within = roots.length === 0 ? 'no directory: name one with --root' : roots.join(', ')
  print(
    [
      `${file}: a first policy for ${name}, from ${tools.length} tools`,
      `reads within: ${within}`,
      `it is for a gateway that has --name ${name}, as \`wrap\` gives an entry its key: --name writes it for another`,
      `next: toolwarden policy lint ${file}, then name it under extends: of your policy, or give it to gateway --policy`,
    ].join('\n'),
  )
}

/** A server's name, the words of its command, and its tools. Throws UPSTREAM_UNAVAILABLE, USAGE. */
export async function readDescribedTools(
  server: string,
  flags: AskFlags,
): Promise<{ readonly name: string; readonly command: readonly string[]; readonly tools: readonly DescribedTool[] }> {
  const { name, command, answer } = await askServer(server, flags, readServerTools)
  const parsed = z.array(toolObject).safeParse(answer)
  if (!parsed.success || parsed.data.length === 0)
    throw new ToolwardenError('UPSTREAM_UNAVAILABLE', 'the server lists no tools that can be read', { where: server })
  const tools = parsed.data.map(({ name: tool, annotations = {}, inputSchema }) => ({
    ...{ name: tool, hints: annotations },
    arguments: Object.keys(inputSchema?.properties ?? {}),
  }))
  return { name, command, tools: uniqueByName(tools) }
}

/** A server that lists a name twice decides by itself which one it means: the first is taken. */
function uniqueByName(tools: readonly DescribedTool[]): readonly DescribedTool[] {
  const seen = new Set<string>()
  return tools.filter(({ name }) => !seen.has(name) && seen.add(name))
}

function print(text: string): void {
  process.stdout.write(`${text}\n`)
}
