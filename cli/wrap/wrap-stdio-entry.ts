// A server that a client starts by its command: the gateway takes the command's place, the command follows after `--`.
import { OWN_VARIABLES } from '../../gateway/stdio/server-process.ts'
import type { Edit } from './edit.ts'
import { arrayText, insertItems, insertMembers, memberSeparator, objectText } from './json-insert.ts'
import { findMember, findStrings } from './json-look.ts'
import type { JsonNode, JsonObject, JsonString } from './json-text.ts'
import type { EntryPlan, WrapSettings } from './wrap-settings.ts'

/** What an entry is wrapped with. */
export interface EntryContext {
  readonly text: string
  readonly settings: WrapSettings
  /** The server's name in events and policy. */
  readonly name: string
}

/** The edits of an entry with `command`, or why it is left. */
export function wrapStdioEntry(entry: JsonObject, command: JsonString, context: EntryContext): EntryPlan {
  const { text, settings } = context
  const args = findMember(entry, 'args')?.value
  const environment = findMember(entry, 'env')?.value
  if (args !== undefined && findStrings(args) === undefined) return leave('its args are not a list of strings')
  if (environment !== undefined && environment.type !== 'object') return leave('its env is not an object')
  const taken = environment?.members.find(({ key }) => OWN_VARIABLES.test(key))?.key
  if (taken !== undefined)
    return leave(`its env sets ${taken}, which a gateway takes as its own and keeps from the server`)
  const items = [
    ...gatewayWords(context, []).map((word) => JSON.stringify(word)),
    '"--"',
    text.slice(command.start, command.end),
  ]
  const edits: Edit[] = [{ start: command.start, end: command.end, text: JSON.stringify(settings.program[0]) }]
  const added: string[] = []
  if (args?.type === 'array') edits.push(insertItems(text, args, { items, owner: entry }))
  else added.push(`"args": ${arrayText(text, { items, owner: entry })}`)
  const variables = environmentItems(settings)
  if (variables.length > 0) {
    if (environment !== undefined) edits.push(insertMembers(text, environment, { items: variables, owner: entry }))
    else added.push(`"env": ${objectText(text, { items: variables, owner: entry })}`)
  }
  const separator = memberSeparator(text, entry)
  edits.push({ start: command.end, end: command.end, text: added.map((member) => `${separator}${member}`).join('') })
  return { type: 'wrap', edits, secrets: valuesOf(text, environment) }
}

/** The arguments of the gateway, past the program. */
export function gatewayWords({ settings, name }: EntryContext, more: readonly string[]): readonly string[] {
  return [...settings.program.slice(1), 'gateway', ...settings.options, '--name', name, ...more]
}

/** The gateway's own variables as members. */
export function environmentItems({ environment }: WrapSettings): readonly string[] {
  return Object.entries(environment).map(([name, value]) => `${JSON.stringify(name)}: ${JSON.stringify(value)}`)
}

/** The values of `env` or `headers` as they stand in the text: a diff shows none of them. */
export function valuesOf(text: string, object: JsonNode | undefined): readonly string[] {
  if (object?.type !== 'object') return []
  return object.members.map(({ value }) => text.slice(value.start, value.end))
}

/** An entry that stays as it is. */
export function leave(reason: string): EntryPlan {
  return { type: 'leave', reason }
}
