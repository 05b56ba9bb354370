// The requests that a client may send, by protocol era, and which of them pass without a decision. Sources: `ClientRequest`
// in schema.ts of MCP 2025-11-25 (earlier revisions list fewer); `ClientRequest` of MCP 2026-07-28 with the two requests of
// its tasks extension (SEP-2663) that change nothing. Whatever stands in no list falls under the policy.

/** What a pattern of a rule can stand for. */
export type RequestKind = 'tool' | 'resource' | 'prompt' | 'method'

interface EraMethods {
  /** They list, describe, keep the connection, or concern what was decided before. */
  readonly passing: readonly string[]
  readonly decided: readonly string[]
}

const METHODS: Readonly<Record<'legacy' | 'modern', EraMethods>> = {
  legacy: {
    passing: [
      ...['initialize', 'ping', 'logging/setLevel'],
      ...['tools/list', 'resources/list', 'resources/templates/list', 'prompts/list'],
      'resources/unsubscribe',
      ...['tasks/list', 'tasks/get', 'tasks/result', 'tasks/cancel'],
    ],
    decided: ['tools/call', 'resources/read', 'resources/subscribe', 'prompts/get', 'completion/complete'],
  },
  modern: {
    passing: [
      ...['server/discover', 'subscriptions/listen'],
      ...['tools/list', 'resources/list', 'resources/templates/list', 'prompts/list'],
      ...['tasks/get', 'tasks/cancel'],
    ],
    decided: ['tools/call', 'resources/read', 'prompts/get', 'completion/complete'],
  },
}

const passing = { legacy: new Set(METHODS.legacy.passing), modern: new Set(METHODS.modern.passing) }

const kinds: ReadonlyMap<string, RequestKind> = new Map([
  ['tools/call', 'tool'],
  ['resources/read', 'resource'],
  ['resources/subscribe', 'resource'],
  ['prompts/get', 'prompt'],
])

/** The methods of any era that a policy decides on by name. */
export const DECIDED_METHODS: readonly string[] = [...new Set([...METHODS.legacy.decided, ...METHODS.modern.decided])]

/** Whether a request passes without a decision; `isModern` says that it speaks 2026-07-28. */
export function passesUndecided(method: string, isModern: boolean): boolean {
  return passing[isModern ? 'modern' : 'legacy'].has(method)
}

/** Whether the era's specification has a method. */
export function isOfEra(method: string, isModern: boolean): boolean {
  const era = isModern ? 'modern' : 'legacy'
  return passing[era].has(method) || METHODS[era].decided.includes(method)
}

/** What a request is for; `method` where it is for none of the others. */
export function kindOfMethod(method: string): RequestKind {
  return kinds.get(method) ?? 'method'
}

/** What events call the target of a request: a tool's name as it is, others as a policy writes them (`resource:<uri>`). */
export function recordedName(method: string, name: string): string {
  const kind = kindOfMethod(method)
  return kind === 'tool' ? name : `${kind}:${name}`
}

/** The name within a recorded name. */
export function bareName(method: string, recorded: string): string {
  const kind = kindOfMethod(method)
  return kind === 'tool' ? recorded : recorded.slice(kind.length + 1)
}
