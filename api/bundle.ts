// /v1/bundle: an export for those who verify it elsewhere, as JSON Lines, made while it is read. Scope operate, and the export is
// recorded before it begins. The last line says how much there was: an answer without it was cut off.
import { createRoute, type OpenAPIHono, z } from '@hono/zod-openapi'
import { nameField, textField, uuidField } from '../events/field.ts'
import { type Clock, formatTime } from '../events/time.ts'
import type { BundleExport, BundleRequest } from '../ledger/bundle/write-bundle.ts'
import type { ApiEnv } from './api-env.ts'
import { requireScope } from './authentication.ts'
import { type OperatorMeans, recordEvent } from './operator.ts'
import { pageQuery } from './page.ts'
import { problems } from './responses.ts'

/** The most checkpoints whose sizes may be asked for. */
const MAX_KEPT = 100
/** How many bytes go out at once. */
const CHUNK_CHARACTERS = 256 * 1024

const name = nameField.optional()
const bundleQuery = z.strictObject({
  from: pageQuery.from,
  to: pageQuery.to,
  type: name,
  server: name,
  tool: name,
  principal: name,
  session: name,
  writer: name,
  call: uuidField.optional(),
  payloads: z.enum(['true', 'false']).default('false').describe('Whether to disclose what was recorded.'),
  kept: z
    .string()
    .regex(/^\d{1,16}(,\d{1,16})*$/)
    .optional()
    .describe('Sizes of checkpoints that the reader kept.'),
  reason: textField.optional().describe('Why; recorded.'),
})

const bundleRoute = createRoute({
  method: 'get',
  path: '/v1/bundle',
  summary: 'A bundle of evidence: events, signatures, checkpoint and what ties them together, as JSON Lines',
  description: 'For `toolwarden export`; `toolwarden verify <bundle>` checks it elsewhere. The export is recorded.',
  security: [{ bearer: ['operate'] }],
  middleware: [requireScope('operate')] as const,
  request: { query: bundleQuery },
  responses: {
    200: { description: 'The lines of a bundle.', content: { 'text/x-ndjson': { schema: z.string() } } },
    ...problems(400, 401, 403, 404, 503),
  },
})

/** What the route works with. */
export interface BundleMeans {
  readonly writeBundle: (request: BundleRequest) => Promise<BundleExport>
  readonly operator: OperatorMeans
  readonly clock: Clock
}

/** Adds the route. */
export function addBundle(app: OpenAPIHono<ApiEnv>, { writeBundle, operator, clock }: BundleMeans): void {
  app.openapi(bundleRoute, async (c) => {
    const { payloads, kept = '', reason = '', ...filter } = c.req.valid('query')
    const by = c.get('caller').subject
    const keptSizes = kept === '' ? [] : kept.split(',').slice(0, MAX_KEPT).map(Number)
    const exportedAt = formatTime(clock.nowMicros())
    const { what, events, lines } = await writeBundle({
      filter,
      payloads: payloads === 'true',
      keptSizes,
      exportedAt,
      by,
    })
    // Recorded before it is shown: no record, no look.
    await recordEvent(operator, { type: 'admin/exported', what: what.slice(0, 2_000), events, by, reason })
    return c.body(toStream(lines), 200, { 'content-type': 'text/x-ndjson' })
  })
}

/** Pulled, never pushed: a slow reader holds up the next lines and nothing else. */
function toStream(lines: AsyncGenerator<string>): ReadableStream<Uint8Array> {
  const encoder = new TextEncoder()
  return new ReadableStream(
    {
      pull: async (controller) => {
        let text = ''
        while (text.length < CHUNK_CHARACTERS) {
          const next = await lines.next()
          if (next.done === true) {
            controller.enqueue(encoder.encode(text))
            controller.close()
            return
          }
          text += next.value
        }
        controller.enqueue(encoder.encode(text))
      },
      cancel: async () => {
        await lines.return(undefined)
      },
    },
    { highWaterMark: 0 },
  )
}
