// Events of the gateways: runs, MCP sessions, and the propose → decide → receipt of every governed request.
import { z } from 'zod'
import { eventSchema } from './envelope.ts'
import {
  chainPointField,
  countField,
  hashField,
  nameField,
  orderedObject,
  payloadField,
  publicKeyField,
  signatureField,
  textField,
  timeField,
  uuidField,
} from './field.ts'
import { DECISION_REASONS } from './reason.ts'

const connectionContext = {
  session: nameField,
  /** The session by client process or token, where the client named another one (`traceparent`). */
  origin: nameField.optional(),
  /** Over HTTP a keyed digest of the principal and its network: whom a rule about the session binds, whatever session comes next. */
  caller: nameField.optional(),
  connection: uuidField,
  principal: nameField,
  /** `declared` by configuration on stdio, taken from a `token` over HTTP. */
  principalSource: z.enum(['declared', 'token']),
  client: nameField,
  server: nameField,
}

const callContext = { ...connectionContext, call: uuidField, tool: nameField }

/** What became of an allowed call, as its receipt says it. */
export const RECEIPT_STATUSES = [
  'ok',
  'tool_error',
  'protocol_error',
  'cancelled',
  'timeout',
  'upstream_lost',
  'not_forwarded',
  'ambiguous',
] as const

/** Events that every writer writes about its own run. */
export const writerEvents = [
  eventSchema('writer/open', {
    publicKey: publicKeyField,
    certificate: signatureField,
    software: nameField,
    configuration: hashField,
    policy: hashField.optional(),
    previousRun: chainPointField.optional(),
    checkpoint: textField.optional(),
  }),
  eventSchema('writer/heartbeat', { monotonicMicros: countField, checkpoint: textField.optional() }),
  eventSchema('writer/close', { events: countField }),
] as const

/** Events about an MCP connection and what the server says of itself. */
export const sessionEvents = [
  eventSchema('session/open', {
    ...connectionContext,
    transport: z.enum(['stdio', 'http']),
    protocolVersion: nameField,
    serverVersion: nameField.optional(),
  }),
  eventSchema('session/close', { ...connectionContext, reason: textField, calls: countField }),
  eventSchema('tools/listed', {
    ...connectionContext,
    /** What the policy said of this server's pins then. */
    pinning: z.enum(['off', 'warn', 'enforce']).optional(),
    /** Each whole definition, and that of the server's instructions. */
    tools: z.array(
      z.strictObject({
        tool: nameField,
        digest: hashField,
        class: z.enum(['read', 'write', 'destructive', 'egress']),
        /** The digest that the gateway holds it to; absent where nothing is pinned. */
        pinned: hashField.optional(),
        /** How many phrases address an agent rather than a reader, where there are any. */
        markers: countField.optional(),
      }),
    ),
    /** Digest of what the server says of its name and version. */
    serverInfo: hashField.optional(),
    /** Tools that can be taken for another server's, or whose texts name one; the newcomer is `tool` of `server`. */
    shadowing: z
      .array(
        z.strictObject({
          server: nameField,
          tool: nameField,
          otherServer: nameField,
          otherTool: nameField,
          how: z.enum(['same_name', 'one_edit', 'names_it']),
        }),
      )
      .optional(),
    added: z.array(nameField),
    removed: z.array(nameField),
    changed: z.array(nameField),
    /** Present where so much was listed that only this is recorded: how many definitions and removals, and the digest of all. */
    missed: z.strictObject({ definitions: countField, digest: hashField }).optional(),
  }),
  eventSchema('request/observed', {
    ...connectionContext,
    method: nameField,
    direction: z.enum(['client', 'server']),
    bytes: countField,
    /** How many before it, of the same connection, were not recorded. */
    missed: countField.optional(),
  }),
  eventSchema('policy/changed', {
    server: nameField,
    /** Hash of the policy that was in force before; `previous` is the chain's word. */
    replaced: hashField.optional(),
    policy: hashField,
    bytes: countField,
    /** Until when its rules are only observed. */
    observeUntil: timeField.optional(),
    /** Hash of the `policy/accepted` that let it take effect, where it needed one. */
    accepted: hashField.optional(),
  }),
  /** A policy that may allow more than the one in force, where an admin has to accept that (`policy.protect`). */
  eventSchema('policy/held', {
    server: nameField,
    inForce: hashField,
    policy: hashField,
    bytes: countField,
    /** How many ways there are in which it may allow more, and the first of them. */
    count: countField,
    widenings: z.array(z.strictObject({ rule: nameField, why: textField })),
  }),
  /** Policy files that could not be loaded; what was in force stays in force. `policy` is the hash of what was read, if it was. */
  eventSchema('policy/refused', {
    server: nameField,
    policy: hashField.optional(),
    inForce: hashField.optional(),
    errors: countField,
    text: textField,
  }),
  /** A record on `control` that the gateway did not honour: forged, replayed, or of a writer it does not trust. */
  eventSchema('control/refused', { server: nameField, subject: textField, reason: textField, digest: hashField }),
] as const

/** Events about one governed request. */
export const authorizationEvents = [
  eventSchema('authorization/propose', {
    ...callContext,
    method: nameField,
    arguments: payloadField,
    argumentsDigest: hashField,
    signalsDigest: hashField,
  }),
  eventSchema('authorization/decide', {
    ...callContext,
    parent: hashField,
    decision: z.enum(['allow', 'deny', 'escalate']),
    reason: z.enum(DECISION_REASONS),
    text: textField,
    rule: nameField.optional(),
    adaptiveRule: hashField.optional(),
    policy: hashField.optional(),
    /** What the policy's rules would have decided, where they are only observed. */
    observed: z.strictObject({ decision: z.enum(['deny', 'escalate']), reason: z.enum(DECISION_REASONS) }).optional(),
    control: orderedObject({
      state: z.enum(['fresh', 'stale', 'none']),
      epoch: uuidField.optional(),
      revision: countField,
    }),
    /** The approval that the call waits for, was let through by, or did not get. */
    approval: uuidField.optional(),
    /** Who answered, how, and the hash of the \`approval/verdict\` or \`approval/elicited\`. */
    approver: nameField.optional(),
    via: nameField.optional(),
    verdict: hashField.optional(),
    /** The call of which this is a further round trip, let through by its approval. */
    continues: uuidField.optional(),
  }),
  eventSchema('authorization/receipt', {
    ...callContext,
    parent: hashField,
    status: z.enum(RECEIPT_STATUSES),
    result: payloadField.optional(),
    signalsDigest: hashField.optional(),
    durationMicros: countField,
  }),
] as const

/** Events about what waits for a person; \`approval/verdict\` is an approver's answer. */
export const approvalEvents = [
  eventSchema('approval/requested', {
    ...callContext,
    approval: uuidField,
    /** Hash of the decide that asks. */
    parent: hashField,
    method: nameField,
    argumentsDigest: hashField,
    policy: hashField,
    rule: nameField.optional(),
    adaptiveRule: hashField.optional(),
    reason: z.enum(DECISION_REASONS),
    text: textField,
    expiresAt: timeField,
  }),
  /** The answer of the client's own user over MCP elicitation, where the policy lets it count; only the run that asked writes it. */
  eventSchema('approval/elicited', {
    ...callContext,
    approval: uuidField,
    verdict: z.enum(['approve', 'deny']),
    argumentsDigest: hashField,
    policy: hashField,
    expiresAt: timeField,
    via: nameField,
    by: nameField,
    reason: textField,
  }),
  /** No answer is honoured any more: the call was taken back, or the run that asked ended. */
  eventSchema('approval/withdrawn', {
    approval: uuidField,
    principal: nameField,
    server: nameField,
    reason: textField,
  }),
] as const
