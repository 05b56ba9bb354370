// Keeps the definitions that gateways saw, one file a server in the data directory (0600): lines are only ever added, in one
// write each, so that several gateways of one server need no lock. `pin/approved` on control counts before what stands here.
import { mkdir, open, readFile, stat } from 'node:fs/promises'
import { dirname, join } from 'node:path'
import { z } from 'zod'
import { systemCode, ToolwardenError } from '../events/errors.ts'
import { hashField, nameField } from '../events/field.ts'
import type { PinStore, StoredDefinition } from '../gateway/pins.ts'

/** The largest file, bytes; what would make it larger is not kept. */
const MAX_PIN_FILE_BYTES = 8 * 1024 * 1024

const lineSchema = z.strictObject({ kind: z.enum(['pinned', 'seen']), tool: nameField, digest: hashField })

/** The store of one server's definitions below a data directory. */
export function createPinStore(data: string, server: string): PinStore {
  const path = join(data, 'pins', `${encodeURIComponent(server)}.jsonl`)
  return { load: () => loadPins(path), add: (definitions) => addPins(path, definitions) }
}

async function loadPins(path: string): Promise<readonly StoredDefinition[]> {
  try {
    const { size } = await stat(path)
    if (size > 2 * MAX_PIN_FILE_BYTES) throw damaged(path, `${size} bytes`)
    const lines = (await readFile(path, 'utf8')).split('\n')
    return lines.flatMap((line, index) => (line === '' ? [] : [parseLine(line, `${path}:${index + 1}`)]))
  } catch (error) {
    if (systemCode(error) === 'ENOENT') return []
    throw error
  }
}

function parseLine(line: string, where: string): StoredDefinition {
  try {
    return lineSchema.parse(JSON.parse(line))
  } catch (cause) {
    throw damaged(where, 'a line that is no definition', cause)
  }
}

async function addPins(path: string, definitions: readonly StoredDefinition[]): Promise<void> {
  await mkdir(dirname(path), { recursive: true, mode: 0o700 })
  const file = await open(path, 'a', 0o600)
  try {
    const lines = Buffer.from(definitions.map((definition) => `${JSON.stringify(definition)}\n`).join(''))
    const { size } = await file.stat()
    if (size + lines.length > MAX_PIN_FILE_BYTES)
      throw new ToolwardenError('LIMIT_REACHED', `the definitions seen so far take ${MAX_PIN_FILE_BYTES} bytes`, {
        where: path,
        fix: 'look at `toolwarden pin list`: the server changes its tools again and again',
      })
    // `appendFile` cuts into pieces of 512 KiB, between which another gateway's lines could come.
    const { bytesWritten } = await file.write(lines)
    if (bytesWritten < lines.length) throw damaged(path, 'the disk took a part of what was added')
    await file.datasync()
  } finally {
    await file.close()
  }
}

function damaged(where: string, what: string, cause?: unknown): ToolwardenError {
  return new ToolwardenError('CONFIG_INVALID', `the pins are damaged: ${what}`, {
    where,
    fix: 'until it is removed nothing is pinned by being seen; approved pins count: toolwarden pin list',
    cause,
  })
}
