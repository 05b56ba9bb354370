// What every event carries, whatever its type.
import { z } from 'zod'
import { hashField, nameField, orderedObject, timeField, uuidField, writerField } from './field.ts'

const envelope = {
  v: z.literal(1),
  /** Name of the ledger that this event is meant for; replayed into another it is refused. */
  log: nameField,
  writer: writerField,
  /** UUIDv7 of this run of the writer. */
  instance: uuidField,
  /** 1, 2, 3 … in this run. */
  sequence: z.number().int().positive(),
  /** Hash of the event before it in this run; 64 zeros for the first. */
  previous: hashField,
  id: z.union([uuidField, hashField]),
  time: timeField,
}

/** The schema of one event type: envelope, type and own fields, nothing else. */
export function eventSchema<const Type extends string, Fields extends z.core.$ZodLooseShape>(
  type: Type,
  fields: Fields,
) {
  return orderedObject({ ...envelope, type: z.literal(type), ...fields })
}
