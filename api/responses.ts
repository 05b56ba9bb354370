// How routes declare their answers: JSON of a schema, and the problems that they may answer with.
import { problemSchema } from './problem.ts'

const PROBLEM_TEXTS = {
  400: 'The request is not as documented; `where` names the field.',
  401: 'No token, or a wrong one.',
  403: 'The token lacks the scope, or the host or origin is not allowed.',
  404: 'There is no such thing.',
  409: 'It is not in a state that allows this.',
  413: 'The body is too large.',
  415: 'The body is not JSON.',
  429: 'Too many wrong tokens, or too many open streams.',
  503: 'The log or the store does not answer; the same request may succeed later.',
} as const

type ProblemStatus = keyof typeof PROBLEM_TEXTS
interface ProblemResponse {
  readonly description: string
  readonly content: { readonly 'application/problem+json': { readonly schema: typeof problemSchema } }
}

/** The problem answers of some statuses. */
export function problems<const Statuses extends readonly ProblemStatus[]>(
  ...statuses: Statuses
): Record<Statuses[number], ProblemResponse> {
  const content = { 'application/problem+json': { schema: problemSchema } }
  const entries = statuses.map((status) => [status, { description: PROBLEM_TEXTS[status], content }])
  return Object.fromEntries(entries) as Record<Statuses[number], ProblemResponse>
}

/** What a route with a JSON answer declares. */
export function json<Schema>(schema: Schema, description: string) {
  return { description, content: { 'application/json': { schema } } }
}
