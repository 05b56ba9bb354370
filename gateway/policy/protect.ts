// What no policy can open: calls whose arguments name toolwarden's own data, configuration, policy, keys and spool, the
// clients' configuration, or its API's address, are denied before every rule and in every mode.
// A path counts when it is one of these or lies beneath one. Not covered: what a shell computes from pieces, operations on
// a parent directory, and encoded or linked names beyond the limits in arguments that are not named as paths.

import type { ArgumentText } from './arguments.ts'
import { rememberNaming } from './arguments.ts'
import type { RealPath } from './locate.ts'
import { MAX_PATH_CHARACTERS } from './locate.ts'
import { mayHoldPath, pathKeys } from './path-arguments.ts'
import type { ProtectedHost } from './protected-hosts.ts'
import { createProtectedHosts, namesHostAndPort, namesProtectedUrl } from './protected-hosts.ts'
import type { ProtectedPaths } from './protected-paths.ts'
import { createProtectedPaths, listBareNames, namesInText, namesProtectedPath } from './protected-paths.ts'
import { listReadings } from './readings.ts'

/** Most strings of one call that are looked at in every reading: those named as paths, and others, each. */
const MAX_PROTECTION_TEXTS = 256
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
}

/** Compiles the list of what is protected; looks up where the paths really lie. */
export function createProtection(options: ProtectionOptions): Protection {
  return { paths: createProtectedPaths(options, options.realPath), hosts: createProtectedHosts(options.hosts) }
}

const namesFiles = "The arguments name toolwarden's own files or a client's configuration"
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
  const { home, workingDirectory } = protection.paths
  const bases = [...new Set([facts.root ?? workingDirectory, workingDirectory, home])]
  const bareNames = listBareNames(protection.paths, bases)
  const longestName = Math.max(0, ...[...bareNames].map((name) => name.length))
  const how = { realPath: facts.remote ? undefined : facts.realPath, bases }
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
      if (namesProtectedPath(reading, protection.paths, how)) return namesFiles
      if (namesProtectedUrl(reading, protection.hosts)) return namesApi
    }
  }
  return undefined
}

const pathWords: ReadonlySet<string> = new Set(pathKeys)

function mayHoldPort(text: string, protection: Protection): boolean {
  return protection.hosts.some((host) => text.includes(host.port))
}

interface Budget {
  texts: number
  characters: number
}

function createBudget(): Budget {
  return { texts: MAX_PROTECTION_TEXTS, characters: MAX_PROTECTION_CHARACTERS }
}

/** All readings of a text, or undefined where the budget is used up. */
function takeReadings(text: string, budget: Budget): readonly string[] | undefined {
  if (budget.texts <= 0 || budget.characters <= 0) return undefined
  const readings = listReadings(text)
  const texts = 'texts' in readings ? readings.texts : [text]
  budget.texts -= 1
  budget.characters -= texts.reduce((total, reading) => total + reading.length, 0)
  return texts
}
