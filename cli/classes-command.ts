// `toolwarden classes suggest`: what each tool of a server is taken for, as entries of `detectors.classes` to look through and keep.
import { readdir } from 'node:fs/promises'
import { join } from 'node:path'
import { parse } from 'yaml'
import { detectorSettings } from '../detectors/settings.ts'
import { systemCode, ToolwardenError } from '../events/errors.ts'
import { INSTRUCTIONS } from '../events/pin-subject.ts'
import { readOrigin, type SuggestedClass, suggestClass } from '../gateway/policy/suggest-class.ts'
import type { AskFlags } from './asked-server.ts'
import { loadConfig } from './config.ts'
import { createPinStore } from './pin-file.ts'
import { readDescribedTools } from './policy-init-command.ts'

/** Options as commander gives them. */
export interface ClassesFlags extends AskFlags {
  readonly fromServer?: string
  readonly json?: boolean
}

interface ServerClasses {
  readonly server: string
  readonly tools: readonly SuggestedClass[]
}

/** Prints the entries. Throws USAGE where nothing is known of any server, UPSTREAM_UNAVAILABLE. */
export async function suggestClasses(flags: ClassesFlags): Promise<void> {
  const servers = flags.fromServer === undefined ? await readSeen(flags) : [await ask(flags.fromServer, flags)]
  if (servers.length === 0)
    throw new ToolwardenError('USAGE', 'no gateway here has seen a list of tools yet', {
      fix: 'toolwarden classes suggest --from-server "npx -y @modelcontextprotocol/server-filesystem /srv"',
    })
  const entries = servers.flatMap(({ server, tools }) => tools.map((each) => toEntry(server, each)))
  if (flags.json === true) return print(`${JSON.stringify({ classes: entries })}\n`)
  const text = toYaml(servers)
  // What would not load must not leave as a configuration.
  detectorSettings.parse(parse(text).detectors)
  print(text)
}

async function ask(text: string, flags: AskFlags): Promise<ServerClasses> {
  const { name, tools } = await readDescribedTools(text, flags)
  return { server: name, tools: tools.map((tool) => suggestClass(tool)) }
}

/** What gateways saw servers list; of the definitions their names alone are kept. */
async function readSeen({ config, name }: AskFlags): Promise<readonly ServerClasses[]> {
  const { data } = await loadConfig(process.env, config)
  const servers = (await listPinFiles(join(data, 'pins'))).filter((each) => name === undefined || each === name)
  return Promise.all(
    servers.map(async (server) => {
      const stored = await createPinStore(data, server).load()
      const tools = new Set(stored.flatMap(({ tool }) => (tool === INSTRUCTIONS ? [] : [tool])))
      return { server, tools: [...tools].toSorted().map((tool) => suggestClass({ name: tool })) }
    }),
  )
}

async function listPinFiles(directory: string): Promise<readonly string[]> {
  try {
    const names = await readdir(directory)
    return names
      .filter((name) => name.endsWith('.jsonl'))
      .map((name) => decodeURIComponent(name.slice(0, -'.jsonl'.length)))
      .toSorted()
  } catch (error) {
    if (systemCode(error) === 'ENOENT') return []
    throw error
  }
}

function toEntry(server: string, { tool, class: toolClass, trust, isSensitive }: SuggestedClass): object {
  return { server, tool, class: toolClass, trust, ...(isSensitive ? { sensitive: true } : {}) }
}

function toYaml(servers: readonly ServerClasses[]): string {
  const lines = servers.flatMap(({ server, tools }) => {
    return tools.map((each) => {
      const sensitive = each.isSensitive ? ', sensitive: true' : ''
      const entry = `server: ${JSON.stringify(server)}, tool: ${JSON.stringify(each.tool)}, class: ${each.class}, trust: ${each.trust}${sensitive}`
      return `    - { ${entry} }  # ${readOrigin(each)}`
    })
  })
  return [
    '# Guesses from names and hints: look through them, correct them, and keep them under `detectors:` in toolwarden.yaml.',
    'detectors:',
    '  classes:',
    ...lines,
    '',
  ].join('\n')
}

function print(text: string): void {
  process.stdout.write(text)
}
