// `pinning` of a policy: what becomes of tools whose definition is not the pinned one. It warns unless told otherwise;
// docs/design/010-pins-live-beside-the-log.md says why.
import { z } from 'zod'
import { checked } from './fields.ts'
import { createNameMatcher, findGlobProblem, type NameMatcher } from './match.ts'
import type { Policy } from './policy.ts'

/** `warn` pins what is seen first and records what differs; `enforce` holds calls of everything that is not pinned. */
export type PinningMode = 'off' | 'warn' | 'enforce'

/** What counts for the servers that it matches. */
export interface PinningRule {
  /** Undefined for every server. */
  readonly server: NameMatcher | undefined
  readonly mode: PinningMode
  /** What becomes of a call that is held. */
  readonly held: 'deny' | 'escalate'
}

/** Most entries of `pinning`. */
const MAX_ENTRIES = 1_000
const MODES = ['off', 'warn', 'enforce'] as const
const expected = 'expected off, warn or enforce, or a list of servers with it'

const entrySchema = z.strictObject({
  server: checked('a glob', findGlobProblem).optional(),
  mode: z.enum(MODES, { error: 'expected off, warn or enforce' }),
  held: z.enum(['deny', 'escalate'], { error: 'expected deny or escalate' }).optional(),
})

/** The keys of one entry. */
export const PINNING_KEYS: readonly string[] = Object.keys(entrySchema.shape)

/** `pinning` of the file: one word, or entries of which the first that matches a server counts. */
export const pinningSchema = z
  .preprocess(
    (value) => (typeof value === 'string' ? [{ mode: value }] : value),
    z.array(entrySchema, { error: expected }).min(1, 'expected at least one entry').max(MAX_ENTRIES),
  )
  .meta({ anyOf: [{ enum: MODES }, { type: 'array', items: { type: 'object' }, minItems: 1 }] })

const DEFAULT: PinningRule = { server: undefined, mode: 'warn', held: 'deny' }

/** Compiles the entries. */
export function compilePinning(entries: z.infer<typeof pinningSchema> | undefined): readonly PinningRule[] {
  return (entries ?? []).map(({ server, mode, held }) => ({
    server: server === undefined ? undefined : createNameMatcher(server),
    mode,
    held: held ?? 'deny',
  }))
}

/** What counts for a server. */
export function pinningFor({ pinning }: Pick<Policy, 'pinning'>, server: string): PinningRule {
  return pinning.find((rule) => rule.server === undefined || rule.server.test(server)) ?? DEFAULT
}
