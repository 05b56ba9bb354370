// Wraps and unwraps one file on disk. Beside it stand, until it is unwrapped, `<file>.toolwarden-backup`, the file as it was,
// and `<file>.toolwarden-wrap.json`, the record of what was done (both 0600). They are durable before the file changes.
import { sha256 } from '../../events/chain.ts'
import { ToolwardenError } from '../../events/errors.ts'
import { type ConfigFile, findConfigFile, removeFiles, replaceConfigFile, writePrivately } from './config-file.ts'
import { diffEdits } from './text-diff.ts'
import { unwrapConfig } from './unwrap-config.ts'
import { type PlannedServer, type WrapPlan, wrapConfig } from './wrap-config.ts'
import { parseWrapRecord, type WrapRecord } from './wrap-record.ts'
import type { WrapSettings } from './wrap-settings.ts'

/** What `wrap` did, or would do. */
export interface WrapOutcome {
  readonly path: string
  readonly isChanged: boolean
  readonly servers: readonly PlannedServer[]
  readonly backup: string
  readonly diff: string
}

/** What `unwrap` did. */
export interface UnwrapOutcome {
  readonly path: string
  readonly isChanged: boolean
  readonly servers: readonly (readonly string[])[]
}

/** Wraps a file; undefined where there is none. A second time changes nothing. Throws CONFIG_INVALID. */
export async function wrapFile(
  path: string,
  settings: WrapSettings,
  { isDryRun }: { readonly isDryRun: boolean },
): Promise<WrapOutcome | undefined> {
  const file = await findConfigFile(path)
  if (file === undefined) return undefined
  const record = await findRecord(file)
  const original = record === undefined ? file.text : restore(file, record)
  const plan = wrapConfig(original, path, settings)
  const isChanged = plan.text !== file.text
  if (isChanged && !isDryRun) await writeWrapped(file, { original, plan, isFirst: record === undefined })
  const { servers, edits, secrets } = plan
  const diff = isChanged ? diffEdits(original, edits, { path, secrets }) : ''
  return { path, isChanged, servers, backup: backupOf(file), diff }
}

/** Restores a file byte for byte; undefined where there is none. Throws CONFIG_INVALID where a wrapped entry was edited. */
export async function unwrapFile(path: string): Promise<UnwrapOutcome | undefined> {
  const file = await findConfigFile(path)
  if (file === undefined) return undefined
  const record = await findRecord(file)
  if (record === undefined) return { path, isChanged: false, servers: [] }
  const text = restore(file, record)
  if (text !== file.text) await replaceConfigFile(file, text)
  await removeFiles([recordOf(file), backupOf(file)])
  return { path, isChanged: text !== file.text, servers: record.entries.map(({ path: keys }) => keys) }
}

interface Writing {
  readonly original: string
  readonly plan: WrapPlan
  readonly isFirst: boolean
}

async function writeWrapped(file: ConfigFile, { original, plan, isFirst }: Writing): Promise<void> {
  const backup = isFirst ? await findConfigFile(backupOf(file)) : undefined
  if (backup !== undefined && backup.text !== original)
    throw new ToolwardenError('CONFIG_INVALID', 'there is a backup of something else', {
      where: backup.path,
      fix: 'look whether it is still needed, move it away, then again',
    })
  const record: WrapRecord = {
    version: 1,
    originalSha256: sha256(Buffer.from(original)),
    wrappedSha256: sha256(Buffer.from(plan.text)),
    entries: plan.entries,
  }
  await writePrivately(backupOf(file), original)
  await writePrivately(recordOf(file), `${JSON.stringify(record, null, 2)}\n`)
  await replaceConfigFile(file, plan.text)
}

/** The text without our gateways. Throws CONFIG_INVALID where wrapped entries were edited, or the bytes come out otherwise. */
function restore(file: ConfigFile, record: WrapRecord): string {
  const plan = unwrapConfig(file.text, file.path, record)
  if (plan.type === 'edited')
    throw new ToolwardenError(
      'CONFIG_INVALID',
      `wrapped servers were edited since: ${plan.servers.map((path) => path.join('.')).join(', ')}`,
      {
        where: file.path,
        fix: `undo these edits, or put back what ${backupOf(file)} holds and remove ${recordOf(file)}`,
      },
    )
  const isUntouched = sha256(Buffer.from(file.text)) === record.wrappedSha256
  if (isUntouched && sha256(Buffer.from(plan.text)) !== record.originalSha256)
    throw new ToolwardenError('CONFIG_INVALID', 'the record does not lead back to the file as it was', {
      where: recordOf(file),
      fix: `put back what ${backupOf(file)} holds and remove the record`,
    })
  return plan.text
}

async function findRecord(file: ConfigFile): Promise<WrapRecord | undefined> {
  const found = await findConfigFile(recordOf(file))
  return found === undefined ? undefined : parseWrapRecord(found.text, found.path)
}

function backupOf({ path }: ConfigFile): string {
  return `${path}.toolwarden-backup`
}

function recordOf({ path }: ConfigFile): string {
  return `${path}.toolwarden-wrap.json`
}
