// Keeps the definitions that gateways saw, one file a server in the data directory (0600): lines are only ever added, in one
// write each, so that several gateways of one server need no lock. `pin/approved` on control counts before what stands here.
// A write that was cut off was acknowledged to nobody: readers pass over its line, and the next write begins a line of its own.
import { constants } from 'node:fs'
import { copyFile, type FileHandle, mkdir, open, readFile, rename, stat, writeFile } from 'node:fs/promises'
import { dirname, join } from 'node:path'
import { z } from 'zod'
import { systemCode, ToolwardenError } from '../events/errors.ts'
import { hashField, nameField } from '../events/field.ts'
import type { PinStore, StoredDefinition } from '../gateway/pins.ts'

/** The largest file, bytes; what would make it larger is not kept. */
const MAX_PIN_FILE_BYTES = 8 * 1024 * 1024

const lineSchema = z.strictObject({ kind: z.enum(['pinned', 'seen']), tool: nameField, digest: hashField })

/** How every line begins: what is cut off is a beginning of one. */
const LINE_BEGIN = '{"kind":"'

/** The store of one server's definitions below a data directory. */
export function createPinStore(data: string, server: string): PinStore {
  const path = pinFile(data, server)
  return { load: () => loadPins(path, server), add: (definitions) => addPins(path, definitions) }
}

/** What became of a damaged file. */
export interface PinRepair {
  readonly path: string
  /** Where the damaged file is kept; undefined where nothing was wrong. */
  readonly keptAs: string | undefined
  readonly kept: number
  /** Numbers of the lines that are no definitions. */
  readonly dropped: readonly number[]
}

/** Takes the lines out that are no definitions, and keeps the file as it was beside it. Throws CONFIG_INVALID where there is none. */
export async function repairPins(data: string, server: string, suffix: string): Promise<PinRepair> {
  const path = pinFile(data, server)
  const text = await readPins(path)
  if (text === undefined)
    throw new ToolwardenError('CONFIG_INVALID', 'no gateway has kept definitions of this server', {
      where: path,
      fix: 'toolwarden pin list shows the servers that were seen',
    })
  const lines = linesOf(text)
  const whole = lines.filter(({ definition }) => definition !== undefined)
  const dropped = lines.filter(({ definition }) => definition === undefined).map(({ number }) => number)
  if (dropped.length === 0) return { path, keptAs: undefined, kept: whole.length, dropped }
  const keptAs = `${path}.damaged-${suffix}`
  await copyFile(path, keptAs, constants.COPYFILE_EXCL)
  const aside = `${path}.new`
  await writeFile(aside, whole.map(({ line }) => `${line}\n`).join(''), { mode: 0o600, flush: true })
  await rename(aside, path)
  return { path, keptAs, kept: whole.length, dropped }
}

function pinFile(data: string, server: string): string {
  return join(data, 'pins', `${encodeURIComponent(server)}.jsonl`)
}

async function loadPins(path: string, server: string): Promise<readonly StoredDefinition[]> {
  const lines = linesOf((await readPins(path)) ?? '')
  const damage = lines.find(({ definition, isCutOff }) => definition === undefined && !isCutOff)
  if (damage !== undefined)
    throw damaged(`${path}:${damage.number}`, 'a line that is no definition', `toolwarden pin repair ${quote(server)}`)
  return lines.flatMap(({ definition }) => definition ?? [])
}

/** Undefined where there is no file. */
async function readPins(path: string): Promise<string | undefined> {
  try {
    const { size } = await stat(path)
    if (size > 2 * MAX_PIN_FILE_BYTES)
      throw damaged(path, `${size} bytes`, `look at the file, and remove it: rm ${path}`)
    return await readFile(path, 'utf8')
  } catch (error) {
    if (systemCode(error) === 'ENOENT') return undefined
    throw error
  }
}

interface PinLine {
  readonly line: string
  /** From 1. */
  readonly number: number
  readonly definition: StoredDefinition | undefined
  /** True for the beginning of a line whose write never ended. */
  readonly isCutOff: boolean
}

function linesOf(text: string): readonly PinLine[] {
  return text.split('\n').flatMap((line, index) => {
    if (line === '') return []
    // After a write that was cut off an earlier version went on in the same line. No text of a definition holds a line's beginning.
    const rest = line.slice(line.startsWith(LINE_BEGIN) ? line.lastIndexOf(LINE_BEGIN) : 0)
    const parsed = parseLine(rest)
    const isCutOff = parsed === undefined && (rest.startsWith(LINE_BEGIN) || LINE_BEGIN.startsWith(rest))
    return [{ line: rest, number: index + 1, definition: parsed?.definition, isCutOff }]
  })
}

/** Undefined where the line is no JSON; a line of other JSON was never written here. */
function parseLine(line: string): { readonly definition: StoredDefinition | undefined } | undefined {
  try {
    return { definition: lineSchema.safeParse(JSON.parse(line)).data }
  } catch (error) {
    if (error instanceof SyntaxError) return undefined
    throw error
  }
}

async function addPins(path: string, definitions: readonly StoredDefinition[]): Promise<void> {
  await mkdir(dirname(path), { recursive: true, mode: 0o700 })
  const file = await open(path, 'a+', 0o600)
  try {
    const { size } = await file.stat()
    const before = (await endsInLine(file, size)) ? '\n' : ''
    const lines = Buffer.from(before + definitions.map((definition) => `${JSON.stringify(definition)}\n`).join(''))
    if (size + lines.length > MAX_PIN_FILE_BYTES)
      throw new ToolwardenError('LIMIT_REACHED', `the definitions seen so far take ${MAX_PIN_FILE_BYTES} bytes`, {
        where: path,
        fix: 'look at `toolwarden pin list`: the server changes its tools again and again',
      })
    // `appendFile` cuts into pieces of 512 KiB, between which another gateway's lines could come.
    const { bytesWritten } = await file.write(lines)
    if (bytesWritten < lines.length)
      throw damaged(
        path,
        'the disk took a part of what was added',
        'make room on the disk: the next list is kept whole',
      )
    await file.datasync()
  } finally {
    await file.close()
  }
}

/** Whether the file ends in the middle of a line. */
async function endsInLine(file: FileHandle, size: number): Promise<boolean> {
  if (size === 0) return false
  const { buffer } = await file.read(Buffer.alloc(1), 0, 1, size - 1)
  return buffer[0] !== NEWLINE
}

const NEWLINE = 0x0a

function damaged(where: string, what: string, fix: string): ToolwardenError {
  return new ToolwardenError('CONFIG_INVALID', `the pins are damaged, and nothing is pinned by being seen: ${what}`, {
    where,
    fix,
  })
}

function quote(server: string): string {
  return /^[\w.@-]+$/.test(server) ? server : JSON.stringify(server)
}
