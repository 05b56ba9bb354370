// Records as kafkajs has them, to and from the port's. What others wrote may lack a key or a value: it is handed over empty,
// and refused by whoever checks it.

import { ToolwardenError } from './errors.ts'
import type { KafkaFetch, KafkaMessage } from './kafka-log.ts'
import type { LogRecord, StoredRecord, Topic } from './log.ts'

type FetchedMessage = KafkaFetch['batch']['messages'][number]

/** An offset as a number; throws LOG_CORRUPT beyond 2^53, where numbers are not exact any more. */
export function toOffset(text: string): number {
  const offset = Number(text)
  if (Number.isSafeInteger(offset)) return offset
  throw new ToolwardenError('LOG_CORRUPT', `the offset ${text} is not a number that can be counted with`)
}

/** A record as a producer takes it. */
export function toMessage(record: LogRecord): KafkaMessage {
  const headers = Object.entries(record.headers).map(([name, value]) => [name, asBuffer(value)])
  return { key: record.key, value: asBuffer(record.value), headers: Object.fromEntries(headers) }
}

/** The fetched records, append by append: the records of one append are one Kafka batch. */
export function toAppends(topic: Topic, { partition, messages }: KafkaFetch['batch']): StoredRecord[][] {
  const appends: StoredRecord[][] = []
  let current: unknown
  for (const message of messages) {
    const batch = batchOf(message)
    const last = appends.at(-1)
    const record = toStoredRecord(topic, partition, message)
    if (last !== undefined && batch !== undefined && batch === current) last.push(record)
    else appends.push([record])
    current = batch
  }
  return appends
}

// The first offset of the batch that a message came in; kafkajs carries it, without a type.
function batchOf(message: FetchedMessage): unknown {
  if (!('batchContext' in message)) return undefined
  const { batchContext } = message
  if (typeof batchContext !== 'object' || batchContext === null || !('firstOffset' in batchContext)) return undefined
  return batchContext.firstOffset
}

function toStoredRecord(topic: Topic, partition: number, message: FetchedMessage): StoredRecord {
  const headers: [string, Uint8Array][] = Object.entries(message.headers ?? {}).map(([name, value]) => [
    name,
    headerBytes(value),
  ])
  return {
    key: message.key?.toString('utf8') ?? '',
    value: message.value ?? new Uint8Array(),
    headers: Object.fromEntries(headers),
    position: { topic, partition: String(partition), offset: toOffset(message.offset) },
    timeMs: Number(message.timestamp),
  }
}

// A header that was given twice is a list; kafkajs puts things that are no bytes into it for names such as `constructor`.
function headerBytes(value: unknown): Uint8Array {
  const first = Array.isArray(value) ? value.find((each) => Buffer.isBuffer(each)) : value
  return Buffer.isBuffer(first) ? first : new Uint8Array()
}

function asBuffer(bytes: Uint8Array): Buffer {
  return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength)
}
