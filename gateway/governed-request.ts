// Which requests the gate is asked about, and what it is asked, whatever the transport they came over: tool calls, resources,
// prompts, and every method that does not pass by the table of its era.
import { INSTRUCTIONS } from '../events/pin-subject.ts'
import type { ToolClass } from '../events/tool-class.ts'
import type { GovernedRequest } from './call-gate.ts'
import { type Connection, isModern } from './connection.ts'
import { MAX_NAME_LENGTH } from './context.ts'
import { asObject, type Message, memberBytes, paramBytes } from './message.ts'
import { isOfEra, kindOfMethod, passesUndecided, type RequestKind, recordedName } from './method-table.ts'
import { findResumedState } from './round-trip.ts'

type Request = Extract<Message, { kind: 'request' }>
type Notification = Extract<Message, { kind: 'notification' }>
type Arguments = Pick<GovernedRequest, 'argumentsBytes' | 'argumentsValue'>

/** Why a request is refused that names its tool, resource or prompt in a way that could be read in two ways. */
export const NAME_RULE = `a tool's name, a resource's URI, a prompt's name and a method have 1 to ${MAX_NAME_LENGTH} characters, with a prefix that says which, and no control characters; no tool is named ${INSTRUCTIONS}`

/** Whether a policy decides on a message; without an id such a message has no answer that could be held. */
export function needsDecision(message: Request | Notification): boolean {
  if (message.kind === 'notification' && message.method.startsWith('notifications/')) return false
  return !passesUndecided(message.method, isModern(message))
}

/** Reads a request that needs a decision; undefined where NAME_RULE does not hold. */
export function findGovernedRequest(
  connection: Connection,
  message: Request,
  bytes: Buffer,
): GovernedRequest | undefined {
  const { method } = message
  const kind = kindOfMethod(method)
  const name = targetOf(kind, message)
  // A method that the era gave up (`resources/subscribe`), about nothing: there is only the method to decide on.
  const isBare = kind === 'resource' && name === undefined && !isOfEra(method, isModern(message))
  const tool = isBare ? recordedName(method, '') : recordedTarget(method, name)
  // The pins keep the server's instructions under this name: such a tool would go by their pin.
  if (tool === undefined || (kind === 'tool' && tool === INSTRUCTIONS)) return undefined
  const resumes = findResumedState(message)
  return {
    connection: connection.contextOf(message.value),
    ...(resumes === undefined ? {} : { resumes }),
    sessions: connection.sessions,
    method,
    tool,
    toolClass: kind === 'tool' ? connection.classOf(tool) : classOf(kind, method),
    ...(kind === 'tool' ? { shown: connection.shownOf(tool), shownNow: () => connection.shownOf(tool) } : {}),
    ...argumentsOf(isBare ? 'method' : kind, message, bytes),
  }
}

function targetOf(kind: RequestKind, { method, value }: Request): unknown {
  const params = asObject(value.params)
  switch (kind) {
    case 'tool':
    case 'prompt':
      return params?.name
    case 'resource':
      return params?.uri
    case 'method':
      return method
  }
}

/** A name as events write it, where a server reads it as the policy does: some end a text at NUL. */
function recordedTarget(method: string, name: unknown): string | undefined {
  if (typeof name !== 'string' || name === '' || !name.isWellFormed() || /\p{Cc}/u.test(name)) return undefined
  const tool = recordedName(method, name)
  return tool.length > MAX_NAME_LENGTH ? undefined : tool
}

/** An unknown method counts as a write, as an unknown tool does. */
function classOf(kind: Exclude<RequestKind, 'tool'>, method: string): ToolClass {
  return kind === 'method' && method !== 'completion/complete' ? 'write' : 'read'
}

/** What the policy's constraints are about: `arguments`; a resource's URI; of other methods everything but `_meta`. */
function argumentsOf(kind: RequestKind, message: Request, bytes: Buffer): Arguments {
  const { value, shape } = message
  const params = asObject(value.params)
  switch (kind) {
    case 'tool':
    case 'prompt':
      return {
        argumentsBytes: paramBytes(bytes, shape, 'arguments') ?? Buffer.alloc(0),
        argumentsValue: params?.arguments,
      }
    case 'resource':
      return membersOf(['uri'], message, bytes)
    case 'method':
      if (params !== undefined)
        return membersOf(
          Object.keys(params).filter((key) => key !== '_meta'),
          message,
          bytes,
        )
      return { argumentsBytes: memberBytes(bytes, shape, 'params') ?? Buffer.alloc(0), argumentsValue: value.params }
  }
}

/** Some members of `params` as an object of their own, each value byte for byte. */
function membersOf(keys: readonly string[], { value, shape }: Request, bytes: Buffer): Arguments {
  const params = asObject(value.params) ?? {}
  const members = keys.map((key, place) => [
    Buffer.from(`${place === 0 ? '' : ','}${JSON.stringify(key)}:`),
    paramBytes(bytes, shape, key) ?? Buffer.from('null'),
  ])
  return {
    argumentsBytes: Buffer.concat([Buffer.from('{'), ...members.flat(), Buffer.from('}')]),
    argumentsValue: Object.fromEntries(keys.map((key) => [key, params[key]])),
  }
}
