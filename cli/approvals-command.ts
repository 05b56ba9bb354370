// `toolwarden approvals`: what waits for a person, and the answers to it, through the API that runs on the same data directory.
import { ToolwardenError } from '../events/errors.ts'
import { visible } from '../events/visible.ts'
import { findApiAccess } from './api-access.ts'
import { callApi } from './api-client.ts'
import { readPages } from './api-pages.ts'

/** Options as commander gives them. */
export interface ApprovalFlags {
  readonly config?: string
  readonly json?: boolean
  readonly all?: boolean
  readonly reason?: string
}

interface Approval {
  readonly approval: string
  readonly state: string
  readonly server: string
  readonly tool: string
  readonly principal: string
  readonly session: string
  readonly client: string
  readonly text: string
  readonly rule?: string
  readonly requestedAt: string
  readonly expiresAt: string
  readonly answer?: { readonly verdict: string; readonly by: string; readonly reason: string }
  readonly arguments?: { readonly state: string; readonly text?: string }
}

/** Prints what waits, the newest first; with `--all` also what was answered. Throws as `openApi` does. */
export async function listApprovals(flags: ApprovalFlags): Promise<void> {
  const api = await openApi(flags)
  const query = flags.all === true ? '' : '&state=pending'
  const items = await readPages<Approval>(`/v1/approvals?limit=100${query}`, { get: api.get, most: MAX_LISTED })
  if (flags.json === true) return print(JSON.stringify({ approvals: items }))
  if (items.length === 0) print('nothing waits for approval')
  for (const each of items) print(lineOf(each))
}

/** Prints one approval with what was recorded of the arguments; the look is recorded. */
export async function showApproval(id: string, flags: ApprovalFlags): Promise<void> {
  const found = await (await openApi(flags)).get<Approval>(`/v1/approvals/${encodeURIComponent(id)}?arguments=true`)
  if (flags.json === true) return print(JSON.stringify(found))
  const { server, tool, principal, session, client, text, rule, requestedAt, expiresAt, answer } = found
  const lines = [
    `${found.approval}  ${found.state}`,
    `  tool       ${visible(server)}/${visible(tool)}`,
    `  principal  ${visible(principal)}, session ${visible(session)}, client ${visible(client)}`,
    `  asked      ${requestedAt}, until ${expiresAt}`,
    `  because    ${visible(text)}${rule === undefined ? '' : ` (${visible(rule)})`}`,
    `  arguments  ${visible(found.arguments?.text ?? found.arguments?.state ?? 'not stored yet')}`,
    ...(answer === undefined
      ? []
      : [`  answer     ${answer.verdict} by ${visible(answer.by)}: ${visible(answer.reason)}`]),
  ]
  print(lines.join('\n'))
}

/** Answers one. Throws USAGE without a reason to deny, else as `openApi` does. */
export async function answerApproval(verdict: 'approve' | 'deny', id: string, flags: ApprovalFlags): Promise<void> {
  const reason = flags.reason ?? (verdict === 'approve' ? 'approved on the command line' : '')
  if (reason.trim() === '')
    throw new ToolwardenError('USAGE', 'no reason', {
      where: '--reason',
      fix: `toolwarden approvals deny ${id} --reason <text>`,
    })
  const api = await openApi(flags)
  const answer = await api.post<{ readonly verdict: string; readonly by: string; readonly at: string }>(
    `/v1/approvals/${encodeURIComponent(id)}/${verdict}`,
    { reason },
  )
  print(flags.json === true ? JSON.stringify(answer) : `${answer.verdict} by ${answer.by} at ${answer.at}`)
}

/** The most approvals that are printed. */
const MAX_LISTED = 10_000

interface Api {
  readonly get: <Answer>(path: string) => Promise<Answer>
  readonly post: <Answer>(path: string, body: object) => Promise<Answer>
}

/** The API of the data directory. Throws STORE_UNAVAILABLE where none runs, and what the API answers. */
async function openApi({ config: file }: ApprovalFlags): Promise<Api> {
  const { url, token } = await findApiAccess(file, 'toolwarden up')
  return {
    get: (path) => callApi(url, path, { method: 'GET', token }),
    post: (path, body) => callApi(url, path, { method: 'POST', token, body }),
  }
}

function lineOf({ approval, state, server, tool, principal, expiresAt, text, answer }: Approval): string {
  const by = answer === undefined ? '' : ` by ${visible(answer.by)}`
  const what = `${visible(server)}/${visible(tool)}  ${visible(principal)}`
  return [approval, `${state}${by}`, what, `until ${expiresAt.slice(0, 19)}Z`, visible(text)].join('  ')
}

function print(text: string): void {
  process.stdout.write(`${text}\n`)
}
