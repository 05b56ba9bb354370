// /v1/recorded-calls: the calls of a time range with their arguments, oldest first, one JSON object a line, for those who try
// a policy on history. Scope operate, and the export is recorded before it begins. The last line says how many calls there
// were: an answer without it was cut off.
import { createRoute, type OpenAPIHono, z } from '@hono/zod-openapi'
import { textField } from '../events/field.ts'
import type { CallHistory } from '../ledger/call-history.ts'
import type { LedgerHistory } from '../ledger/query.ts'
import { formatCallLine } from '../ledger/recorded-call.ts'
import type { ApiEnv } from './api-env.ts'
import { requireScope } from './authentication.ts'
import { type OperatorMeans, recordEvent } from './operator.ts'
import { pageQuery } from './page.ts'
import { problems } from './responses.ts'

const exportRoute = createRoute({
  method: 'get',
  path: '/v1/recorded-calls',
  summary: 'Calls with their arguments, oldest first, as JSON Lines',
  description:
    'For `toolwarden policy replay` and `suggest`. The last line is `{"end": <calls>}`. The export is recorded.',
  security: [{ bearer: ['operate'] }],
  middleware: [requireScope('operate')] as const,
  request: {
    query: z.strictObject({
      from: pageQuery.from,
      to: pageQuery.to,
      reason: textField.optional().describe('Why they are read; recorded.'),
    }),
  },
  responses: {
    200: { description: 'One call a line.', content: { 'text/x-ndjson': { schema: z.string() } } },
    ...problems(400, 401, 403, 503),
  },
})

/** Adds the route. */
export function addRecordedCalls(
  app: OpenAPIHono<ApiEnv>,
  { history, operator }: { readonly history: LedgerHistory; readonly operator: OperatorMeans },
): void {
  app.openapi(exportRoute, async (c) => {
    const { from, to, reason = '' } = c.req.valid('query')
    const calls = await history.readCalls({ from, to })
    const what = `recorded calls${from === undefined ? '' : ` from ${from}`}${to === undefined ? '' : ` to ${to}`}`
    const by = c.get('caller').subject
    // Recorded before it is shown: no record, no look.
    await recordEvent(operator, { type: 'admin/exported', what, events: calls.total, by, reason })
    return c.body(toLines(calls), 200, { 'content-type': 'text/x-ndjson' })
  })
}

/** Pulled, never pushed: a slow reader holds up the next window and nothing else. */
function toLines({ batches }: CallHistory): ReadableStream<Uint8Array> {
  const encoder = new TextEncoder()
  let sent = 0
  return new ReadableStream(
    {
      pull: async (controller) => {
        const next = await batches.next()
        if (next.done === true) {
          controller.enqueue(encoder.encode(`${JSON.stringify({ end: sent })}\n`))
          controller.close()
          return
        }
        sent += next.value.length
        controller.enqueue(encoder.encode(next.value.map((call) => `${formatCallLine(call)}\n`).join('')))
      },
      cancel: async () => {
        await batches.return(undefined)
      },
    },
    { highWaterMark: 0 },
  )
}
