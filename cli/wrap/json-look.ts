// Looks into a read JSON text: members by key, strings, and a form of a value in which two that mean the same are equal.
import type { JsonMember, JsonNode, JsonObject } from './json-text.ts'

/** The member of an object under a key; undefined for anything else. */
export function findMember(node: JsonNode | undefined, key: string): JsonMember | undefined {
  return node?.type === 'object' ? node.members.find((member) => member.key === key) : undefined
}

/** The object under a path of keys. */
export function findObject(node: JsonNode | undefined, path: readonly string[]): JsonObject | undefined {
  const found = path.reduce<JsonNode | undefined>((at, key) => findMember(at, key)?.value, node)
  return found?.type === 'object' ? found : undefined
}

/** The strings of an array; undefined where it is none, or holds something else. */
export function findStrings(node: JsonNode | undefined): readonly string[] | undefined {
  if (node?.type !== 'array') return undefined
  const strings = node.items.flatMap((item) => (item.type === 'string' ? [item.value] : []))
  return strings.length === node.items.length ? strings : undefined
}

/** The value without its layout and comments, members in their order. */
export function withoutLayout(text: string, node: JsonNode): string {
  switch (node.type) {
    case 'object':
      return `{${node.members.map(({ key, value }) => `${JSON.stringify(key)}:${withoutLayout(text, value)}`).join(',')}}`
    case 'array':
      return `[${node.items.map((item) => withoutLayout(text, item)).join(',')}]`
    case 'string':
      return JSON.stringify(node.value)
    case 'literal':
      return text.slice(node.start, node.end)
  }
}
