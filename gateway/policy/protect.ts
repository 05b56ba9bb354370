// What no policy can open: calls whose arguments name toolwarden's own data, configuration, policy, keys and spool, the
// known clients' configuration, or its API's address, are denied before every rule and in every mode.
// A path counts when it is one of these or lies beneath one; of a tool that does more than read, also when it is a
// directory above one. Not covered: what a shell computes from pieces, reads of a whole tree from above, and encoded or
// linked names beyond the limits in arguments that are not named as paths.

import type { ToolClass } from '../../events/tool-class.ts'
import type { ArgumentText } from './arguments.ts'
import { rememberNaming } from './arguments.ts'
import type { RealPath } from './locate.ts'
import { MAX_PATH_CHARACTERS } from './locate.ts'
import { mayHoldPath, pathKeys } from './path-arguments.ts'
import type { ProtectedHost } from './protected-hosts.ts'
import { createProtectedHosts, namesHostAndPort, namesProtectedUrl } from './protected-hosts.ts'
import type { ProtectedPaths } from './protected-paths.ts'
import {
  createProtectedPaths,
  listBareNames,
  namesAncestor,
  namesInText,
  namesProtectedPath,
} from './protected-paths.ts'
import { listReadings } from './readings.ts'

/** Most strings of one call that are looked at in every reading: those named as paths, and others, each. */
const MAX_PROTECTION_TEXTS = 256
/** Most readings of them, each: a relative one is looked up in every directory that it may be taken from. */
const MAX_PROTECTION_READINGS = 1_024
/** Most characters of their readings, each. */
const MAX_PROTECTION_CHARACTERS = 32_768

/** What is to be protected. */
export interface ProtectionOptions {
  /** Absolute files and directories. */
  readonly paths: readonly string[]
  /** The API's addresses as `host:port`. */
  readonly hosts: readonly string[]
  /** The user's home directory, which `~` stands for. */
  readonly home: string
  /** The directory in which the server was started. */
  readonly workingDirectory: string
  /** Directories that the server's command names: some servers take relative paths from each of them. */
  readonly serverDirectories?: readonly string[]
  readonly realPath: RealPath
}

/** What is protected, ready to compare. */
export interface Protection {
  readonly paths: ProtectedPaths
  readonly hosts: readonly ProtectedHost[]
}

/** What a check needs beside the arguments. */
export interface ProtectionFacts {
  readonly realPath: RealPath
  readonly root?: string | undefined
  readonly remote: boolean
  /** What the tool does; without it the worst is taken. */
  readonly toolClass?: ToolClass | undefined
}

/** Compiles the list of what is protected; looks up where the paths really lie. */
export function createProtection(options: ProtectionOptions): Protection {
  return { paths: createProtectedPaths(options, options.realPath), hosts: createProtectedHosts(options.hosts) }
}

const namesFiles = "The arguments name toolwarden's own files or a client's configuration"
const namesAbove =
  "The arguments name a directory that holds toolwarden's own files or a client's configuration, and this tool does more than read"
const namesApi = "The arguments name the address of toolwarden's own API"

/** A sentence on what the arguments name that they may not; undefined where they name nothing protected. */
export function findProtected(
  texts: readonly ArgumentText[],
  protection: Protection,
  facts: ProtectionFacts,
): string | undefined {
  // As they stand, all texts are searched at once, however long; the line ends between them belong to no name.
  let all = ''
  for (const { text, kind } of texts) if (kind !== 'number') all += `${text}\n`
  if (namesInText(all, protection.paths)) return namesFiles
  if (protection.hosts.some((host) => host.inText.test(all))) return namesApi
  if (namesHostAndPort(texts, protection.hosts)) return namesApi
  return findInReadings(texts, protection, facts)
}

/**
 * Looks at every reading of the strings that are named as paths, and refuses a call with too many of them; of the others
 * at those that may hold a path or an address, as far as the limits go: no padding may stall a decision.
 */
function findInReadings(
  texts: readonly ArgumentText[],
  protection: Protection,
  facts: ProtectionFacts,
): string | undefined {
  const { bareNames, longestName, within, above } = placesOf(protection.paths, facts)
  const look = { realPath: facts.remote ? undefined : facts.realPath }
  const how = { within: { ...look, bases: within }, above: above === undefined ? undefined : { ...look, bases: above } }
  const left = { named: createBudget(), other: createBudget() }
  const isNamed = rememberNaming(pathWords)
  for (const { text, keys, kind } of texts) {
    if (kind === 'number' || text.length > MAX_PATH_CHARACTERS) continue
    const named = isNamed(keys)
    if (!named && !mayHoldPath.test(text) && !mayHoldPort(text, protection)) {
      if (text.length <= longestName && bareNames.has(text.toLowerCase())) return namesFiles
      continue
    }
    const budget = named ? left.named : left.other
    const readings = takeReadings(text, budget)
    if (readings === undefined && named) throw new RangeError('the arguments name more paths than can be checked')
    for (const reading of readings ?? []) {
      if (namesProtectedPath(reading, protection.paths, how.within)) return namesFiles
      if (
        how.above !== undefined &&
        (named || /^[~/]./.test(reading)) &&
        namesAncestor(reading, protection.paths, how.above)
      )
        return namesAbove
      if (namesProtectedUrl(reading, protection.hosts)) return namesApi
    }
  }
  return undefined
}

/** What the names of a call's arguments are compared with. */
interface Places {
  /** Names that mean a protected path wherever they stand alone, in lower case. */
  readonly bareNames: ReadonlySet<string>
  readonly longestName: number
  /** Where relative paths may be taken from, to find protected ones. */
  readonly within: readonly string[]
  /** The same to find directories above them; undefined for a tool that only reads, which may name those. */
  readonly above: readonly string[] | undefined
}

type Place = Pick<ProtectionFacts, 'root' | 'remote' | 'toolClass'>

/** Made once for each server and kind of tool, and gone with the list of what is protected. */
const knownPlaces = new WeakMap<ProtectedPaths, Map<string, Places>>()

function placesOf(paths: ProtectedPaths, place: Place): Places {
  const known = knownPlaces.get(paths) ?? new Map<string, Places>()
  knownPlaces.set(paths, known)
  const key = `${place.remote} ${place.toolClass === 'read'} ${place.root ?? ''}`
  const places = known.get(key) ?? listPlaces(paths, place)
  known.set(key, places)
  return places
}

function listPlaces(paths: ProtectedPaths, { root, remote, toolClass }: Place): Places {
  const { home, workingDirectory, serverDirectories } = paths
  const near = [...new Set([root ?? workingDirectory, workingDirectory, ...serverDirectories, home])]
  const bareNames = listBareNames(paths, near)
  const longestName = Math.max(0, ...[...bareNames].map((name) => name.length))
  // A server may also take them from a directory that only its client knows. On another machine none is above our files.
  const within = remote ? near : [...new Set([...near, ...paths.directoriesAbove])]
  const declared = root === undefined ? within : [root, ...serverDirectories]
  const above = toolClass === 'read' ? undefined : remote ? [] : declared
  return { bareNames, longestName, within, above }
}

const pathWords: ReadonlySet<string> = new Set(pathKeys)

function mayHoldPort(text: string, protection: Protection): boolean {
  return protection.hosts.some((host) => text.includes(host.port))
}

interface Budget {
  texts: number
  readings: number
  characters: number
}

function createBudget(): Budget {
  return {
    texts: MAX_PROTECTION_TEXTS,
    readings: MAX_PROTECTION_READINGS,
    characters: MAX_PROTECTION_CHARACTERS,
  }
}

/** All readings of a text, or undefined where the budget is used up. */
function takeReadings(text: string, budget: Budget): readonly string[] | undefined {
  if (budget.texts <= 0 || budget.readings <= 0 || budget.characters <= 0) return undefined
  const readings = listReadings(text)
  const texts = 'texts' in readings ? readings.texts : [text]
  budget.texts -= 1
  budget.readings -= texts.length
  budget.characters -= texts.reduce((total, reading) => total + reading.length, 0)
  return texts
}
