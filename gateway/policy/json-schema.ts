// The JSON Schema of policy files for editors, generated from the schema that checks them, with a sentence for each key.
// It is looser: globs, paths and dates are checked when a policy is loaded, and by nothing else.

import { z } from 'zod'
import { policySchema } from './schema.ts'

const descriptions: Readonly<Record<string, string>> = {
  version: 'The version of the language: "1".',
  extends: 'Policy files, relative to this one, whose rules are tried after its own.',
  mode: 'enforce (the default), or observe: record what would have been decided and forward all the same. Of pinning: off, warn or enforce.',
  until: 'When mode observe ends, at most 30 days ahead: "2026-12-24" or "2026-12-24T18:00:00Z".',
  default: 'What happens to a call that no rule matches; deny unless told.',
  pinning: 'What becomes of tools whose definition changed: off, warn (the default) or enforce; or a list by server.',
  held: 'What becomes of a call that is held: deny unless told.',
  rules: 'In order: the first rule that matches decides.',
  id: 'A unique name; decisions and evidence refer to it.',
  tool: 'Globs over tool names; "server/tool" binds one to a server; "resource:", "prompt:" and "method:" stand for other requests.',
  server: 'Globs over server names.',
  principal: 'Globs over who calls.',
  client: 'Globs over the names of clients.',
  when: 'The rule applies within these hours only.',
  days: 'Days of the week; every day unless told.',
  from: 'Time of day at which it begins; a later time than `to` passes midnight.',
  to: 'Time of day at which it ends.',
  timeZone: 'An IANA time zone; UTC unless told.',
  action: 'allow, deny or escalate (ask an approver).',
  constraints: 'All must hold, else the call is denied.',
  allowedPaths: 'Absolute directories or files; every path argument must lie beneath one.',
  deniedPaths: 'Globs; no path argument may match one.',
  notPaths: 'Arguments whose texts are no paths.',
  allowedDomains: 'Hosts; every host argument must be one.',
  deniedDomains: 'Hosts; no host argument may be one.',
  notDomains: 'Arguments whose texts are no hosts.',
  arguments: 'A JSON Schema (2020-12) that the arguments must meet.',
  rateLimit: 'Most calls within a time; over it a call is denied.',
  calls: 'How many calls.',
  per: 'Within which time: "60s", "10m", "2h", "1d".',
  by: 'Whose calls are counted together: session, principal or tool.',
  budget: 'Most of an amount within a time, as the sum of an argument.',
  argument: 'The argument whose values add up: "amount" or "order.amount".',
  max: 'The most that they may add up to.',
  onAmbiguous: 'What a repeat of a call needs whose outcome is unknown; allow unless told.',
  reason: 'A sentence for the agent and the record.',
  approval: 'For escalate: how long an answer may take, and how long the call itself waits.',
  timeout: 'How long the request can be answered; 10m unless told.',
  hold: 'How long the call itself waits; 45s unless told.',
  elicit: "Lets the user at the client answer over MCP elicitation; an agent's own client can answer for itself.",
}

/** The JSON Schema, as text. */
export function policyJsonSchema(): string {
  const schema = z.toJSONSchema(policySchema, {
    io: 'input',
    unrepresentable: 'any',
    override: ({ jsonSchema }) => {
      // "One or a list" is read as a list; a file may hold either.
      if (jsonSchema.anyOf !== undefined)
        for (const key of ['type', 'items', 'minItems', 'maxItems'] as const) delete jsonSchema[key]
      for (const [name, property] of Object.entries(jsonSchema.properties ?? {}))
        if (typeof property === 'object') property.description = descriptions[name] ?? ''
    },
  })
  return `${JSON.stringify({ ...schema, title: 'toolwarden policy' }, null, 2)}\n`
}
