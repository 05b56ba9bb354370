// Where the embedded event log keeps what: `<root>/<topic>/<role>/<name>/<instance>/<first offset, 20 digits>.log`.
// A chain (`role/name/instance`) is a partition and a directory; names come from configuration, so each part is checked.
import { mkdir, open, readdir } from 'node:fs/promises'
import { dirname, join, relative, resolve, sep } from 'node:path'
import { systemCode, ToolwardenError } from './errors.ts'
import type { Topic } from './log.ts'

const CHAIN_PARTS = 3
const CHAIN_PART = /^[A-Za-z0-9._@-]{1,128}$/
const SEGMENT_NAME = /^(\d{20})\.log$/
const DIRECTORY_MODE = 0o700

/** The directory of a chain; USAGE when the chain's name is not `role/name/instance` of plain letters. */
export function chainDirectory(root: string, topic: Topic, partition: string): string {
  const parts = partition.split('/')
  if (parts.length !== CHAIN_PARTS || !parts.every(isChainPart)) {
    throw new ToolwardenError('USAGE', `the chain name ${JSON.stringify(partition)} can't be a directory`, {
      where: topic,
      fix: 'Name it role/name/instance, each of 1 to 128 letters, digits, dots, dashes, underscores or @.',
    })
  }
  return join(root, topic, ...parts)
}

function isChainPart(part: string): boolean {
  return CHAIN_PART.test(part) && part !== '.' && part !== '..'
}

/** The file name of the segment whose first record has this offset. */
export function segmentName(base: number): string {
  return `${String(base).padStart(20, '0')}.log`
}

/** The first offsets of a chain's segments in order; undefined when the directory is not there. */
export async function listSegments(directory: string): Promise<number[] | undefined> {
  const names = await listNames(directory)
  if (names === undefined) return undefined
  const bases = names.map((name) => SEGMENT_NAME.exec(name)?.[1]).filter((digits) => digits !== undefined)
  return bases.map(Number).sort((left, right) => left - right)
}

/** The directories above the chains of a topic (topic, roles, names), and the chains in them. */
export interface TopicTree {
  readonly directories: readonly string[]
  readonly partitions: readonly string[]
}

/** Lists a topic; what is missing is empty, what is not named like a chain is not one. */
export async function listTopic(root: string, topic: Topic): Promise<TopicTree> {
  const top = join(root, topic)
  const directories = [top]
  let level = [top]
  for (let depth = 0; depth < CHAIN_PARTS; depth += 1) {
    const below = await Promise.all(level.map(listBelow))
    level = below.flat()
    if (depth < CHAIN_PARTS - 1) directories.push(...level)
  }
  return { directories, partitions: level.map((path) => relative(top, path).split(sep).join('/')) }
}

async function listBelow(directory: string): Promise<string[]> {
  const names = (await listNames(directory)) ?? []
  return names.filter(isChainPart).map((name) => join(directory, name))
}

async function listNames(directory: string): Promise<string[] | undefined> {
  try {
    return await readdir(directory)
  } catch (error) {
    if (systemCode(error) === 'ENOENT' || systemCode(error) === 'ENOTDIR') return undefined
    throw error
  }
}

/** Makes a directory (0700) and the ones above it; with `durable` their names survive a power cut. */
export async function makeDirectory(directory: string, durable: boolean): Promise<void> {
  const path = resolve(directory)
  const first = await mkdir(path, { recursive: true, mode: DIRECTORY_MODE })
  if (!durable) return
  // Parents that were there already may be another process's, made a moment ago and not durable yet.
  let parent = path
  for (let level = 0; level <= CHAIN_PARTS || (first !== undefined && parent.length >= first.length); level += 1) {
    parent = dirname(parent)
    await syncDirectory(parent)
    if (parent === dirname(parent)) return
  }
}

/** Makes the names in a directory survive a power cut. */
export async function syncDirectory(directory: string): Promise<void> {
  const handle = await open(directory, 'r')
  try {
    await handle.sync()
  } finally {
    await handle.close()
  }
}
