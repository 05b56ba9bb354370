// The Merkle log over HTTP: /tlog/* as C2SP tlog-tiles asks for it, and proofs ready made. Checkpoint and hashes are for
// everybody, entries and proofs need the scope read. Every answer under /v1 carries the latest checkpoint.
import { createRoute, type OpenAPIHono, z } from '@hono/zod-openapi'
import type { MiddlewareHandler } from 'hono'
import { hashField } from '../events/field.ts'
import { parseTilePath } from '../ledger/tiles.ts'
import type { TreeProofs } from '../ledger/tree-proofs.ts'
import type { ApiEnv } from './api-env.ts'
import { requireScope } from './authentication.ts'
import { json, problems } from './responses.ts'

/** The answer header with the latest checkpoint: the whole note in base64. */
const CHECKPOINT_HEADER = 'toolwarden-checkpoint'

const PREFIX = '/tlog/'
const text = (description: string) => ({ description, content: { 'text/plain': { schema: z.string() } } })

const checkpointRoute = createRoute({
  method: 'get',
  path: '/tlog/checkpoint',
  summary: 'The signed checkpoint of the Merkle log; its tiles are beside it, as C2SP tlog-tiles says',
  responses: { 200: text('A signed note.'), ...problems(403, 404) },
})

const inclusionRoute = createRoute({
  method: 'get',
  path: '/v1/proofs/inclusion',
  summary: 'The proof that an event stands in the Merkle log, as C2SP tlog-proof',
  security: [{ bearer: ['read'] }],
  middleware: [requireScope('read')] as const,
  request: { query: z.strictObject({ hash: hashField }) },
  responses: { 200: text('Index, hashes and checkpoint.'), ...problems(400, 401, 403, 404, 503) },
})

const sizeField = z.coerce.number().int().min(1).max(Number.MAX_SAFE_INTEGER)
const consistencySchema = z
  .object({
    from: z.number().int(),
    to: z.number().int(),
    fromRoot: z.string().describe('Base64, as in checkpoints.'),
    toRoot: z.string(),
    proof: z.array(z.string()).describe('Base64; RFC 6962, section 2.1.2.'),
  })
  .openapi('ConsistencyProof')

const consistencyRoute = createRoute({
  method: 'get',
  path: '/v1/proofs/consistency',
  summary: 'The proof that nothing was changed between two sizes of the Merkle log',
  security: [{ bearer: ['read'] }],
  middleware: [requireScope('read')] as const,
  request: {
    query: z.strictObject({
      from: sizeField,
      to: sizeField.optional().describe('The published size unless told.'),
    }),
  },
  responses: { 200: json(consistencySchema, 'Roots and hashes.'), ...problems(400, 401, 403, 404) },
})

/** Puts the latest checkpoint into every answer. */
export function carryCheckpoint(tree: TreeProofs): MiddlewareHandler<ApiEnv> {
  return async (c, next) => {
    await next()
    const note = await tree.note()
    if (note !== undefined) c.res.headers.set(CHECKPOINT_HEADER, Buffer.from(note).toString('base64'))
  }
}

/** Adds the routes. */
export function addTree(app: OpenAPIHono<ApiEnv>, tree: TreeProofs): void {
  app.openapi(checkpointRoute, async (c) => c.text((await tree.checkpoint()).note, 200))
  // Of any depth (x001/x234/067), which OpenAPI has no words for.
  app.use(`${PREFIX}tile/*`, serveTiles(tree))
  app.openapi(inclusionRoute, async (c) => c.text(await tree.inclusion(c.req.valid('query').hash), 200))
  app.openapi(consistencyRoute, async (c) => {
    const { from, to } = c.req.valid('query')
    const found = await tree.consistency(from, to)
    const base64 = (hash: Buffer): string => hash.toString('base64')
    const roots = { fromRoot: base64(found.fromRoot), toRoot: base64(found.toRoot) }
    return c.json({ from: found.from, to: found.to, ...roots, proof: found.proof.map(base64) }, 200)
  })
}

function serveTiles(tree: TreeProofs): MiddlewareHandler<ApiEnv> {
  return async (c, next) => {
    const tile = parseTilePath(c.req.path.slice(PREFIX.length))
    if (tile === undefined || c.req.method !== 'GET') return next()
    if (tile.kind === 'entries') {
      const refused = await requireScope('read')(c, () => Promise.resolve())
      if (refused !== undefined) return refused
    }
    const bytes = new Uint8Array(await tree.file(tile))
    return c.body(bytes, 200, { 'content-type': 'application/octet-stream' })
  }
}
