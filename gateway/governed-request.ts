// What the gate is asked of a `tools/call`, whatever the transport it came over.
import type { GovernedRequest } from './call-gate.ts'
import type { Connection } from './connection.ts'
import { MAX_NAME_LENGTH } from './context.ts'
import { asObject, type Message, paramBytes } from './message.ts'

/** Why a call is refused whose tool has a name that could be read in two ways. */
export const NAME_RULE = `a tool's name has 1 to ${MAX_NAME_LENGTH} characters and no control characters`

/** Reads a `tools/call`; undefined where NAME_RULE does not hold. */
export function findGovernedRequest(
  connection: Connection,
  message: Extract<Message, { kind: 'request' }>,
  bytes: Buffer,
): GovernedRequest | undefined {
  const params = asObject(message.value.params)
  const tool = params?.name
  if (!isToolName(tool)) return undefined
  return {
    connection: connection.contextOf(message.value),
    sessions: connection.sessions,
    method: message.method,
    tool,
    toolClass: connection.classOf(tool),
    argumentsBytes: paramBytes(bytes, message.shape, 'arguments') ?? Buffer.alloc(0),
    argumentsValue: params?.arguments,
  }
}

/** A name that a server reads as the policy does: some end a text at NUL. */
function isToolName(name: unknown): name is string {
  return (
    typeof name === 'string' &&
    name !== '' &&
    name.length <= MAX_NAME_LENGTH &&
    name.isWellFormed() &&
    !/\p{Cc}/u.test(name)
  )
}
