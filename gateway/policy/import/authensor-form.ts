// The JSON form of Authensor's policies (packages/schemas/src/policy.schema.json of AUTHENSOR/AUTHENSOR, May 2026): read
// strictly, so that a key that is not known here is told and never passed over.

import { z } from 'zod'

/** A condition; those with several of these keys are told apart when they are read. */
export interface ForeignCondition {
  readonly field?: string | undefined
  readonly operator?: string | undefined
  readonly value?: unknown
  readonly all?: readonly ForeignCondition[] | undefined
  readonly any?: readonly ForeignCondition[] | undefined
  readonly not?: ForeignCondition | undefined
  readonly [key: string]: unknown
}

const condition: z.ZodType<ForeignCondition> = z.looseObject({
  field: z.string().optional(),
  operator: z.string().optional(),
  value: z.unknown().optional(),
  all: z.lazy(() => z.array(condition)).optional(),
  any: z.lazy(() => z.array(condition)).optional(),
  not: z.lazy(() => condition).optional(),
})

const foreignRule = z.looseObject({
  id: z.string(),
  name: z.string().optional(),
  description: z.string().optional(),
  effect: z.enum(['allow', 'deny', 'require_approval']),
  condition: condition.optional(),
  rateLimit: z
    .looseObject({
      requests: z.number().int().min(1),
      window: z.string(),
      scope: z.enum(['principal', 'action', 'global']).default('principal'),
    })
    .optional(),
  approvalConfig: z
    .looseObject({
      approvers: z.array(z.unknown()).optional(),
      expiresIn: z.string().optional(),
      requiredApprovals: z.number().int().min(1).optional(),
    })
    .optional(),
})

/** A whole policy. */
export const foreignPolicy = z.looseObject({
  id: z.string(),
  name: z.string().optional(),
  description: z.string().optional(),
  version: z.string().optional(),
  enabled: z.boolean().optional(),
  priority: z.number().optional(),
  scope: z
    .looseObject({
      actionTypes: z.array(z.string()).optional(),
      principalTypes: z.array(z.string()).optional(),
      environments: z.array(z.string()).optional(),
    })
    .optional(),
  rules: z.array(foreignRule).max(1_000),
  defaultEffect: z.enum(['allow', 'deny']).default('deny'),
  metadata: z.unknown().optional(),
})

/** A policy as read. */
export type ForeignPolicy = z.output<typeof foreignPolicy>
/** One of its rules. */
export type ForeignRule = ForeignPolicy['rules'][number]

/** The keys of an object that are not among the known ones. */
export function unknownKeys(value: object | undefined, known: readonly string[]): readonly string[] {
  return Object.keys(value ?? {}).filter((key) => !known.includes(key))
}
