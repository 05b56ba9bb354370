// A call as a person writes it down, in a test file or on the command line, and the call that the policy decides on.

import { z } from 'zod'
import { toolClassOf } from '../../events/tool-class.ts'
import { kindOfMethod } from '../method-table.ts'
import type { PolicyCall } from './decision.ts'

const name = z.string({ error: 'expected a name' }).min(1, 'expected a name')

/** What a call is taken to be where the description leaves it out. */
export const ASSUMED = { server: 'server', principal: 'agent:someone', client: 'client', session: 'session' } as const

/** The form of a described call. */
export const describedCall = z.strictObject({
  tool: name,
  server: name.default(ASSUMED.server),
  principal: name.default(ASSUMED.principal),
  client: name.default(ASSUMED.client),
  session: name.default(ASSUMED.session),
  arguments: z.unknown().optional(),
})

/** A call as described; `tool` as events name it: `read_file`, `resource:<uri>`, `prompt:<name>`, `method:<method>`. */
export type DescribedCall = z.output<typeof describedCall>

const methods = { resource: 'resources/read', prompt: 'prompts/get' } as const

/** The call to decide on. */
export function toPolicyCall(described: DescribedCall): PolicyCall {
  const { arguments: argumentsValue, tool, ...names } = described
  const prefix = /^(resource|prompt|method):(?=.)/s.exec(tool)
  const bare = tool.slice(prefix?.[0].length ?? 0)
  const kind = prefix?.[1]
  const method = kind === 'resource' || kind === 'prompt' ? methods[kind] : kind === 'method' ? bare : 'tools/call'
  const isResource = kindOfMethod(method) === 'resource'
  return {
    ...names,
    tool: bare,
    method,
    argumentsValue: isResource ? (argumentsValue ?? { uri: bare }) : argumentsValue,
    toolClass: method === 'tools/call' ? toolClassOf(bare) : kind === 'method' ? 'write' : 'read',
  }
}
