// What a server's answer says of its tools and of itself, read from the exact bytes: each whole tool object has a digest of
// its own, since a server lists other tools to other clients. Nothing here trusts JSON.parse with a number or a double key.
import { createHash } from 'node:crypto'
import { countMarkers } from '../events/instruction-markers.ts'
import { INSTRUCTIONS } from '../events/pin-subject.ts'
import { MAX_SIGNAL_TEXT } from '../events/signal-text.ts'
import type { ToolHints } from '../events/tool-class.ts'
import { MAX_NAME_LENGTH } from './context.ts'
import { type ExactNode, exactText, membersOf, readExact, textsOf } from './exact-json.ts'

/** The largest list that is read, bytes. */
export const MAX_LIST_BYTES = 16 * 1024 * 1024
/** The most tools of one server that are kept. */
export const MAX_TOOLS = 10_000

/** Stands for a definition of which nothing is known: no pin is equal to it. */
export const UNREAD_DIGEST = '0'.repeat(64)
/** How many definitions of one tool are told apart: of three, one is neither the first pin nor the approved one. */
export const MAX_DEFINITIONS = 3

const DEFINITION_DOMAIN = 'toolwarden/definition/v1\n'

/** One tool as a list has it. */
export interface DefinedTool {
  readonly tool: string
  /** SHA-256 of the exact canonical form of its whole object; where a list names it twice, of all of them. */
  readonly digest: string
  readonly hints: ToolHints
  /** How many phrases of it address an agent rather than a reader. */
  readonly markers: number
  /** Its texts, cut to MAX_SIGNAL_TEXT characters. */
  readonly text: string
}

/** One page of a list. */
export interface ToolPage {
  readonly tools: readonly DefinedTool[]
  /** True where no further page follows. */
  readonly isLast: boolean
  /** False where it holds more than is read: then nobody knows what its client was shown. */
  readonly isWhole: boolean
}

/** A page of which nothing was read. */
export const UNREAD_PAGE: ToolPage = { tools: [], isLast: false, isWhole: false }

/** What a server says of itself as it is initialized or discovered. */
export interface ServerStatement {
  readonly serverInfo?: string
  readonly instructions?: string
  readonly markers: number
  /** Present where it holds more than is read: then nobody knows what its client was told. */
  readonly isUnread?: true
}

/** A statement of which nothing was read. */
export const UNREAD_STATEMENT: ServerStatement = { markers: 0, isUnread: true }

/** Reads the result of `tools/list`. Tools that an event could not name are left out: they can't be called either. */
export function readToolPage(result: Buffer): ToolPage {
  if (result.length > MAX_LIST_BYTES) return UNREAD_PAGE
  const node = readExact(result)
  const byName = new Map<string, ExactNode[]>()
  for (const definition of membersOf(node, 'tools').flatMap(itemsOf))
    for (const name of namesOf(definition)) {
      const known = byName.get(name)
      if (known === undefined) byName.set(name, [definition])
      else known.push(definition)
    }
  const tools = Array.from(byName)
    .slice(0, MAX_TOOLS)
    .map(([tool, definitions]) => readTool(tool, definitions))
  return {
    tools,
    isLast: !membersOf(node, 'nextCursor').some(({ type }) => type === 'string'),
    isWhole: byName.size <= MAX_TOOLS,
  }
}

/** Reads the result of `initialize` or `server/discover`. */
export function readServerStatement(result: Buffer): ServerStatement {
  if (result.length > MAX_LIST_BYTES) return UNREAD_STATEMENT
  const node = readExact(result)
  const instructions = membersOf(node, 'instructions').filter(({ type }) => type !== 'token')
  const serverInfo = membersOf(node, 'serverInfo')
  return {
    ...(serverInfo.length === 0 ? {} : { serverInfo: definitionDigest(serverInfo) }),
    ...(instructions.length === 0 ? {} : { instructions: definitionDigest(instructions) }),
    markers: countMarkers(textIn(instructions)),
  }
}

/** The digest of two definitions that a client was given for one tool: nobody knows which of them it took. */
export function joinDigests(a: string, b: string): string {
  return createHash('sha256')
    .update(`${DEFINITION_DOMAIN}both\n${[a, b].toSorted().join('\n')}`)
    .digest('hex')
}

function definitionDigest(definitions: readonly ExactNode[]): string {
  const [first = '', ...more] = [...new Set(definitions.map(exactText))].map((text) =>
    createHash('sha256').update(DEFINITION_DOMAIN).update(text).digest('hex'),
  )
  return more.reduce(joinDigests, first)
}

function readTool(tool: string, definitions: readonly ExactNode[]): DefinedTool {
  const text = textIn(definitions)
  return { tool, digest: definitionDigest(definitions), hints: hintsOf(definitions), markers: countMarkers(text), text }
}

function itemsOf(node: ExactNode): readonly ExactNode[] {
  return node.type === 'array' ? node.items : []
}

/** Where an object has two names, some clients know it by the one and some by the other. */
function namesOf(definition: ExactNode): readonly string[] {
  const names = membersOf(definition, 'name').flatMap((node) => (node.type === 'string' ? [node.value] : []))
  return [...new Set(names)].filter(
    (name) => name !== '' && name.length <= MAX_NAME_LENGTH && name.isWellFormed() && name !== INSTRUCTIONS,
  )
}

function hintsOf(definitions: readonly ExactNode[]): ToolHints {
  const flag = (key: string): boolean | undefined => {
    const nodes = definitions.flatMap((node) => membersOf(node, 'annotations')).flatMap((node) => membersOf(node, key))
    const last = nodes.at(-1)
    if (last?.type !== 'token') return undefined
    return last.text === 'true' ? true : last.text === 'false' ? false : undefined
  }
  return { readOnlyHint: flag('readOnlyHint'), destructiveHint: flag('destructiveHint') }
}

function textIn(nodes: readonly ExactNode[]): string {
  return nodes.flatMap(textsOf).join('\n').slice(0, MAX_SIGNAL_TEXT)
}
