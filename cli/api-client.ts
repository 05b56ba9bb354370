// The command line as a client of the API that runs on the same data directory.
import { readFile, rm, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { isLocked } from '../events/directory-lock.ts'
import { type ErrorCode, systemCode, ToolwardenError } from '../events/errors.ts'

const REQUEST_TIMEOUT_MS = 600_000
/** What the API says of a request that means the same to a caller of the command line. */
const passedOn: readonly ErrorCode[] = [
  ...(['UNAUTHORIZED', 'FORBIDDEN', 'NOT_FOUND', 'CONFLICT', 'LIMIT_REACHED'] as const),
  ...(['LOG_UNAVAILABLE', 'LOG_FULL', 'LOG_IN_DOUBT', 'STORE_UNAVAILABLE'] as const),
]

/** Says where the API of a data directory listens; removed by the returned function. */
export async function announceApi(data: string, url: string): Promise<() => Promise<void>> {
  const path = join(data, 'run', 'api.url')
  await writeFile(path, `${url}\n`, { mode: 0o600, flush: true })
  return () => rm(path, { force: true })
}

/** The address of the API of a data directory; undefined where none runs. */
export async function findApi(data: string): Promise<string | undefined> {
  // A killed process leaves its address behind: whoever took the port since must not be given the token.
  if (!isLocked(join(data, 'run', 'api'))) return undefined
  try {
    return (await readFile(join(data, 'run', 'api.url'), 'utf8')).trim()
  } catch (error) {
    if (systemCode(error) === 'ENOENT') return undefined
    throw error
  }
}

interface Problem {
  readonly code?: string
  readonly message?: string
  readonly title?: string
  readonly fix?: string
}

/** One JSON request. Throws REQUEST_INVALID, UNAUTHORIZED, CONFLICT … (`passedOn`) with the API's own words. */
export async function callApi<Answer>(
  url: string,
  path: string,
  request: { readonly method: 'GET' | 'POST'; readonly token: string; readonly body?: object },
): Promise<Answer> {
  const response = await requestApi(url, path, request)
  return (await readJson(response, url)) as Answer
}

/** One request; resolves with an answer that is no problem. Throws as callApi does. */
export async function requestApi(
  url: string,
  path: string,
  { method, token, body }: { readonly method: 'GET' | 'POST'; readonly token: string; readonly body?: object },
): Promise<Response> {
  const response = await fetch(new URL(path, url), {
    method,
    headers: {
      authorization: `Bearer ${token}`,
      ...(body === undefined ? {} : { 'content-type': 'application/json' }),
    },
    ...(body === undefined ? {} : { body: JSON.stringify(body) }),
    signal: AbortSignal.timeout(REQUEST_TIMEOUT_MS),
  }).catch((cause: unknown) => {
    throw new ToolwardenError('STORE_UNAVAILABLE', 'the API does not answer', {
      where: url,
      fix: 'look whether `toolwarden up` still runs',
      cause,
    })
  })
  if (response.ok) return response
  const problem = (await readJson(response, url)) as Problem
  throw new ToolwardenError(
    passedOn.find((code) => code === problem.code) ?? 'REQUEST_INVALID',
    problem.message ?? problem.title ?? `the API answered ${response.status}`,
    { where: url, fix: problem.fix },
  )
}

/** What is no JSON object did not come from the API: another program has its port, or a proxy stands before it. */
async function readJson(response: Response, url: string): Promise<object> {
  try {
    const answer: unknown = await response.json()
    if (typeof answer === 'object' && answer !== null) return answer
    throw new SyntaxError('not a JSON object')
  } catch (cause) {
    throw new ToolwardenError(
      'STORE_UNAVAILABLE',
      `what answered (status ${response.status}) is not toolwarden's API`,
      {
        where: url,
        fix: 'look whether `toolwarden up` still runs, and whether another program or a proxy has its address: toolwarden status',
        cause,
      },
    )
  }
}
