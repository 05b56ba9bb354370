// POST /v1/erasures: payloads go, events stay. What goes is listed and counted, the count and a digest of the list are chained
// in `admin/erased`, and only once the ledger has stored that event are the payloads overwritten.
import { createRoute, type OpenAPIHono, z } from '@hono/zod-openapi'
import { ToolwardenError } from '../events/errors.ts'
import { hashField, nameField, textField, timeField, uuidField } from '../events/field.ts'
import { type Clock, uuidv7 } from '../events/time.ts'
import type { ErasurePreview, ErasureSelection, Erasures } from '../ledger/erasure.ts'
import type { LegalHold } from '../ledger/legal-hold.ts'
import type { ApiEnv } from './api-env.ts'
import { requireScope } from './authentication.ts'
import { type OperatorMeans, recordEvent } from './operator.ts'
import { json, problems } from './responses.ts'
import { untilStored } from './until-stored.ts'

/** Holds that a refusal names one by one. */
const NAMED_HOLDS = 10

const requestSchema = z
  .strictObject({
    call: uuidField.optional(),
    session: nameField.optional(),
    principal: nameField.optional(),
    before: timeField.optional().describe('Events of an earlier time.'),
    reason: textField.trim().min(1, 'expected a reason'),
    dryRun: z.boolean().default(false).describe('Counts, and changes nothing.'),
    skipHeld: z.boolean().default(false).describe('Leaves out what is under a legal hold, instead of refusing.'),
  })
  .refine(
    ({ call, session, principal, before }) => [call, session, principal, before].some((each) => each !== undefined),
    {
      message: 'expected a call, a session, a principal or a time',
    },
  )
  .openapi('ErasureRequest')

const erasureSchema = z
  .object({
    what: z.string(),
    payloads: z.number().int().describe('Of how many events arguments or results were erased, or would be.'),
    held: z.array(z.object({ hold: uuidField, payloads: z.number().int(), reason: z.string() })),
    dryRun: z.boolean(),
    erasure: uuidField.optional(),
    event: hashField.optional().describe('Hash of the `admin/erased` event; absent where there was nothing to erase.'),
  })
  .openapi('Erasure')
type ErasureView = z.infer<typeof erasureSchema>

const eraseRoute = createRoute({
  method: 'post',
  path: '/v1/erasures',
  summary: 'Erase what was recorded of arguments and results; the events stay, and say so',
  security: [{ bearer: ['admin'] }],
  middleware: [requireScope('admin')] as const,
  request: { body: { required: true, content: { 'application/json': { schema: requestSchema } } } },
  responses: {
    200: json(erasureSchema, 'It is done, or was counted.'),
    ...problems(400, 401, 403, 409, 413, 415, 503),
  },
})

/** What the routes work with. */
export interface ErasuresOptions {
  readonly erasures: Erasures
  readonly findHolds: () => Promise<readonly LegalHold[]>
  readonly operator: OperatorMeans
  readonly clock: Clock
}

type Order = z.output<typeof requestSchema> & { readonly by: string }

/** Adds the route. */
export function addErasures(app: OpenAPIHono<ApiEnv>, options: ErasuresOptions): void {
  // One after the other: two at once would list the same payloads.
  let last: Promise<unknown> = Promise.resolve()
  app.openapi(eraseRoute, async (c) => {
    const order = { ...c.req.valid('json'), by: c.get('caller').subject }
    const done = last.then(() => erase(order, options))
    last = done.catch(() => undefined)
    return c.json(await done, 200)
  })
}

async function erase(order: Order, options: ErasuresOptions): Promise<ErasureView> {
  const { erasures, findHolds } = options
  const { call, session, principal, before, dryRun, skipHeld } = order
  const selection = { call, session, principal, before }
  if (!dryRun) await erasures.finish()
  const holds = await findHolds()
  const preview = await erasures.preview(selection, holds)
  const view = {
    what: describeSelection(selection),
    held: preview.held.map(({ hold, payloads }) => ({ hold: hold.hold, payloads, reason: hold.reason })),
    dryRun,
  }
  if (dryRun) return { ...view, payloads: preview.payloads }
  if (!skipHeld) refuseHeld(preview)
  if (preview.payloads === 0) return { ...view, payloads: 0 }
  return { ...view, ...(await carryOut({ ...order, what: view.what }, { selection, holds }, options)) }
}

async function carryOut(
  { what, reason, by }: Order & { readonly what: string },
  { selection, holds }: { readonly selection: ErasureSelection; readonly holds: readonly LegalHold[] },
  { erasures, operator, clock }: ErasuresOptions,
): Promise<Pick<ErasureView, 'erasure' | 'event' | 'payloads'>> {
  const erasure = uuidv7(clock.nowMicros())
  const { payloads, digest } = await erasures.plan(erasure, selection, holds)
  if (payloads === 0) return { payloads }
  const { hash } = await recordEvent(operator, { type: 'admin/erased', erasure, what, payloads, digest, by, reason })
  // No payload goes before the event that says so is evidence.
  const isStored = async (): Promise<true | undefined> => ((await erasures.isRecorded(hash)) ? true : undefined)
  await untilStored(isStored, `Erasure ${erasure} is carried out at the next start, or with the next erasure.`)
  await erasures.carryOut(erasure, hash)
  return { erasure, event: hash, payloads }
}

function refuseHeld({ held }: ErasurePreview): void {
  if (held.length === 0) return
  const named = held
    .slice(0, NAMED_HOLDS)
    .map(({ hold, payloads }) => `${payloads} under ${hold.hold} (${hold.reason.slice(0, 200)})`)
  throw new ToolwardenError('CONFLICT', `payloads are under a legal hold: ${named.join('; ')}`, {
    where: `${held.length} holds`,
    fix: 'Erase something else, release the hold, or set skipHeld (--skip-held) to leave out what is held.',
  })
}

function describeSelection({ call, session, principal, before }: ErasureSelection): string {
  const parts = [
    ...(call === undefined ? [] : [`of call ${call}`]),
    ...(session === undefined ? [] : [`of session ${session}`]),
    ...(principal === undefined ? [] : [`of principal ${principal}`]),
    ...(before === undefined ? [] : [`from before ${before}`]),
  ]
  return `payloads ${parts.join(', ')}`
}
