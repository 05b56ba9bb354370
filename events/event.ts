// The event: the contract between all parts. One zod union over all types; bodies are canonical JSON (canonical.ts).
import { z } from 'zod'
import { approvalEvents, authorizationEvents, sessionEvents, writerEvents } from './call-events.ts'
import { type Json, parseCanonical } from './canonical.ts'
import { ToolwardenError } from './errors.ts'
import { adminEvents, alertEvents, controlEvents, ledgerEvents } from './operator-events.ts'
import { mayWrite, roleOf } from './role.ts'

const eventSchemas = [
  ...writerEvents,
  ...sessionEvents,
  ...authorizationEvents,
  ...approvalEvents,
  ...alertEvents,
  ...controlEvents,
  ...ledgerEvents,
  ...adminEvents,
] as const
const eventUnion = z.discriminatedUnion('type', eventSchemas)
/** By type; compiled when the first event of it comes, since compiling them all would hold up a start. */
const compiledSchemas = new Map<string, z.ZodType<Event>>()

/** Any event, as it stands in a body. */
export type Event = z.infer<typeof eventUnion>
/** The name of an event type: `authorization/propose` … */
export type EventType = Event['type']
/** The event of one type. */
export type EventOf<Type extends EventType> = Extract<Event, { type: Type }>
/** The fields that the chain adds to a draft. */
export type EnvelopeField = 'v' | 'log' | 'writer' | 'instance' | 'sequence' | 'previous' | 'id' | 'time'

type Draft<E> = E extends Event ? Omit<E, EnvelopeField> & { readonly id?: string } : never
/** An event before its chain gives it place, time and (unless derived) an id. */
export type EventDraft = Draft<Event>

/** The chain that an event belongs to: `role/name/instance`, which is also its record's key. */
export function chainOf(event: { readonly writer: string; readonly instance: string }): string {
  return `${event.writer}/${event.instance}`
}

/** Reads a body. Throws CANONICAL_INVALID, EVENT_TOO_LARGE, or EVENT_INVALID naming the first bad field. */
export function parseEvent(body: Uint8Array): Event {
  return checkEvent(parseCanonical(body))
}

/** Checks a value against the schema and the role table. Throws EVENT_INVALID. */
export function checkEvent(value: Json | object): Event {
  const result = schemaOf(value).safeParse(value)
  if (!result.success) {
    const issue = result.error.issues[0]
    throw new ToolwardenError('EVENT_INVALID', `not an event: ${issue?.message ?? 'unknown form'}`, {
      where: issue?.path.join('.'),
    })
  }
  const event = result.data
  if (!mayWrite(event.writer, event.type))
    throw new ToolwardenError('EVENT_INVALID', `a ${roleOf(event.writer)} may not write ${event.type}`, {
      where: 'type',
    })
  return event
}

/** The schema of a value's type: less than half the work of the union, which names the types where there is no such one. */
function schemaOf(value: Json | object): z.ZodType<Event> {
  const type: unknown = typeof value === 'object' && value !== null && 'type' in value ? value.type : undefined
  if (typeof type !== 'string') return eventUnion
  const known = compiledSchemas.get(type)
  if (known !== undefined) return known
  const schema = eventSchemas.find(({ shape }) => shape.type.value === type)
  if (schema === undefined) return eventUnion
  const compiled: z.ZodType<Event> = z.compile(schema)
  compiledSchemas.set(type, compiled)
  return compiled
}
