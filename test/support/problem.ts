// Reads problem answers in tests.
import assert from 'node:assert/strict'

/** The parts of a problem that tests look at. */
export interface ProblemBody {
  readonly code: string
  readonly message: string
  readonly where?: string
  readonly fix?: string
  readonly id?: string
}

/** The problem in an answer, which must have the status and the media type of one. */
export async function problemOf(response: Response, status: number): Promise<ProblemBody> {
  const text = await response.text()
  assert.equal(response.status, status, text)
  assert.equal(response.headers.get('content-type'), 'application/problem+json')
  return JSON.parse(text) as ProblemBody
}
