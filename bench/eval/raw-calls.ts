// The recorded calls as they were, for servers that answer again as they did: arguments and results, which no detector sees.
import { join } from 'node:path'
import { z } from 'zod'
import { listCallFiles, readText } from './read-sessions.ts'
import type { ReplayedCall } from './replay-server.ts'

const lineSchema = z.object({
  session: z.string(),
  call: z.number().int(),
  tool: z.string(),
  arguments: z.json(),
  result: z.json(),
  error: z.json(),
})

/** The calls of these sessions in a directory of traces, by session and by their number in it. */
export function readRawCalls(
  directory: string,
  sessions: ReadonlySet<string>,
): ReadonlyMap<string, ReadonlyMap<number, ReplayedCall>> {
  const found = new Map([...sessions].map((session) => [session, new Map<number, ReplayedCall>()]))
  for (const name of listCallFiles(directory)) {
    for (const line of readText(join(directory, name)).split('\n')) {
      if (line === '') continue
      const { session, call, tool, result, error, ...rest } = lineSchema.parse(JSON.parse(line))
      const text = typeof result === 'string' ? result : JSON.stringify(result)
      found
        .get(session)
        ?.set(call, { index: call, tool, arguments: rest.arguments, result: text, isError: error !== null })
    }
  }
  return found
}
