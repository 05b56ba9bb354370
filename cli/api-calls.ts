// Recorded calls through the API of a running `up`, which holds the store: JSON Lines, read as they come.
import { createInterface } from 'node:readline'
import { Readable } from 'node:stream'
import type { ReadableStream } from 'node:stream/web'
import { ToolwardenError } from '../events/errors.ts'
import type { TimeRange } from '../ledger/history-filter.ts'
import { parseCallLine, type RecordedCall } from '../ledger/recorded-call.ts'
import { requestApi } from './api-client.ts'

const BATCH_CALLS = 1_000

/** Reads the calls of a range, oldest first. Throws what the API answers, and STORE_UNAVAILABLE where the answer was cut off. */
export async function* readApi(
  url: string,
  token: string,
  { from, to }: TimeRange,
): AsyncGenerator<readonly RecordedCall[]> {
  const query = new URLSearchParams({ reason: 'a policy is tried on history' })
  if (from !== undefined) query.set('from', from)
  if (to !== undefined) query.set('to', to)
  const { body } = await requestApi(url, `/v1/recorded-calls?${query}`, { method: 'GET', token })
  let batch: RecordedCall[] = []
  let count = 0
  let end: number | undefined
  for await (const line of linesOf(body, url)) {
    end = endOf(line)
    if (end !== undefined) break
    const call = parseCallLine(line)
    if (typeof call === 'string') throw cutOff(url, call)
    count += 1
    batch.push(call)
    if (batch.length < BATCH_CALLS) continue
    yield batch
    batch = []
  }
  if (end !== count) throw cutOff(url, `${count} calls came, ${end ?? 'and no end'}`)
  if (batch.length > 0) yield batch
}

async function* linesOf(body: Response['body'], url: string): AsyncGenerator<string> {
  if (body === null) return
  const input = Readable.fromWeb(body as ReadableStream)
  try {
    yield* createInterface({ input, crlfDelay: Number.POSITIVE_INFINITY })
  } catch (cause) {
    throw cutOff(url, cause instanceof Error ? cause.message : 'unknown reason')
  } finally {
    input.destroy()
  }
}

/** The number of calls that the last line says. */
function endOf(line: string): number | undefined {
  const end = /^\{"end":(\d+)\}$/.exec(line)?.[1]
  return end === undefined ? undefined : Number(end)
}

function cutOff(url: string, why: string): ToolwardenError {
  return new ToolwardenError('STORE_UNAVAILABLE', `the API's answer was cut off (${why})`, {
    where: url,
    fix: 'look at what `toolwarden up` says, then again',
    retriable: true,
  })
}
