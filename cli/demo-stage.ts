// The demo's stage: a temporary directory with a small project, something secret beside it, and a policy.
import { mkdir, mkdtemp, realpath, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'

/** How many notes lie in the project: more than anybody reads in one sitting. */
export const NOTES = 40

/** Where everything lies. */
export interface DemoStage {
  readonly directory: string
  readonly data: string
  readonly project: string
  readonly secret: string
  readonly policy: string
  readonly remove: () => Promise<void>
}

/** Makes the stage. */
export async function buildStage(): Promise<DemoStage> {
  // The real path, since the file server answers only for paths that stay inside after links are followed.
  const directory = await realpath(await mkdtemp(join(tmpdir(), 'toolwarden-demo-')))
  const project = join(directory, 'project')
  const secret = join(directory, 'private', 'salaries.csv')
  const policy = join(directory, 'policy.yaml')
  await mkdir(join(project, 'notes'), { recursive: true })
  await mkdir(join(directory, 'private'))
  await writeFile(secret, 'name,salary\n')
  for (let note = 1; note <= NOTES; note++)
    await writeFile(notePath(project, note), `Note ${note}: nothing to see here.\n`)
  await writeFile(policy, policyText(project))
  return {
    directory,
    data: join(directory, 'data'),
    project,
    secret,
    policy,
    remove: () => rm(directory, { recursive: true, force: true }),
  }
}

/** The path of a note. */
export function notePath(project: string, note: number): string {
  return join(project, 'notes', `note-${String(note).padStart(2, '0')}.md`)
}

function policyText(project: string): string {
  return `version: "1"
default: deny
rules:
  - id: read-project
    tool: [read_text_file, list_directory, get_file_info, search_files]
    action: allow
    constraints: { allowedPaths: [${JSON.stringify(project)}] }
  - id: write-project
    tool: write_file
    action: escalate
    reason: "File writes require approval"
    approval: { hold: 1s }
  - id: no-moves
    tool: move_file
    action: deny
    reason: "Files stay where they are"
`
}
