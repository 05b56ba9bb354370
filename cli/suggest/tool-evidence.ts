// What the calls of one tool did: which arguments were paths, which hosts, and what values the others had. Read with the
// gateway's own eyes, so that a constraint that follows from it means the same when a call is decided.
import type { ArgumentText, KeyChain } from '../../gateway/policy/arguments.ts'
import { listArgumentTexts, rememberNaming } from '../../gateway/policy/arguments.ts'
import { hostKeys, listHostArguments } from '../../gateway/policy/host-arguments.ts'
import { type Host, parseAllowedHost } from '../../gateway/policy/hosts.ts'
import { locate } from '../../gateway/policy/locate.ts'
import { listPathArguments, pathKeys } from '../../gateway/policy/path-arguments.ts'
import { HostEvidence } from './host-evidence.ts'
import { PathEvidence } from './path-evidence.ts'
import { ValueEvidence } from './value-evidence.ts'

/** Most arguments of one tool that are looked at by name. */
const MAX_ARGUMENTS = 100
/** Most different sets of arguments that carried paths, or hosts. */
const MAX_SHAPES = 200
/** The share of an argument's texts that have to be whole paths or hosts, where its name does not say so. */
const TYPICAL_SHARE = 0.9
/** As much of one call as the gateway itself looks at. */
const MAX_CHARACTERS = 32_768

/** What one argument of one tool held. */
export interface ArgumentEvidence {
  texts: number
  /** Texts in which the gateway finds a path, or a host. */
  withPaths: number
  withHosts: number
  /** Texts that are a path, or a host, as a whole. */
  wholePaths: number
  wholeHosts: number
  readonly isPathKey: boolean
  readonly isHostKey: boolean
  readonly paths: PathEvidence
  readonly hosts: HostEvidence
  /** Sessions with a path, or a host, that no constraint allows. */
  readonly badPaths: Set<string>
  readonly badHosts: Set<string>
}

/** Sessions by the arguments in which a call of theirs had a path, or a host. */
type Shapes = Map<string, { readonly names: readonly string[]; readonly sessions: Set<string> }>

const isPathKey = rememberNaming(new Set(pathKeys))
const isHostKey = rememberNaming(new Set(hostKeys))

/** Everything seen of one tool. */
export class ToolEvidence {
  calls = 0
  /** Calls whose arguments were not recorded. */
  unknownCalls = 0
  readonly sessions = new Set<string>()
  /** By name, its parts parted by dots. */
  readonly arguments = new Map<string, ArgumentEvidence>()
  readonly values = new Map<string, ValueEvidence>()
  readonly pathShapes: Shapes = new Map()
  readonly hostShapes: Shapes = new Map()
  /** True where arguments have names that a policy can't write, or too many: then nothing is said of them. */
  isUnreadable = false

  /** Adds one call; `root` is where the server takes relative paths from. */
  add(value: unknown, session: string, root: string | undefined): void {
    this.calls += 1
    this.sessions.add(session)
    let texts: readonly ArgumentText[]
    try {
      texts = listArgumentTexts(value)
    } catch (error) {
      if (!(error instanceof RangeError)) throw error
      this.isUnreadable = true
      return
    }
    const withPaths = new Set<string>()
    const withHosts = new Set<string>()
    const budget = { characters: MAX_CHARACTERS }
    for (const text of texts) {
      const name = nameOf(text.keys)
      const evidence = this.#argument(name, text.keys)
      if (evidence === undefined) continue
      if (text.kind === 'string') evidence.texts += 1
      if (addPaths(evidence, text, { session, root, budget })) withPaths.add(name)
      if (addHosts(evidence, text, { session, budget })) withHosts.add(name)
    }
    addShape(this.pathShapes, withPaths, session)
    addShape(this.hostShapes, withHosts, session)
    this.#addValues(value, session)
  }

  /** Adds a call whose arguments were not recorded. */
  addUnknown(session: string): void {
    this.unknownCalls += 1
    this.sessions.add(session)
  }

  #argument(name: string, keys: KeyChain | undefined): ArgumentEvidence | undefined {
    const known = this.arguments.get(name)
    if (known !== undefined) return known
    if (this.arguments.size >= MAX_ARGUMENTS) {
      this.isUnreadable = true
      return undefined
    }
    const evidence: ArgumentEvidence = {
      ...{ texts: 0, withPaths: 0, withHosts: 0, wholePaths: 0, wholeHosts: 0 },
      ...{ isPathKey: isPathKey(keys), isHostKey: isHostKey(keys) },
      ...{ paths: new PathEvidence(), hosts: new HostEvidence() },
      ...{ badPaths: new Set<string>(), badHosts: new Set<string>() },
    }
    this.arguments.set(name, evidence)
    return evidence
  }

  #addValues(value: unknown, session: string): void {
    if (typeof value !== 'object' || value === null || Array.isArray(value)) return
    for (const [name, each] of Object.entries(value)) {
      const known = this.values.get(name)
      if (known === undefined && this.values.size >= MAX_ARGUMENTS) continue
      const evidence = known ?? new ValueEvidence(name)
      this.values.set(name, evidence)
      evidence.add(each, session)
    }
  }
}

/** True for an argument that holds paths, by its name or by what it held. */
export function isPathArgument({ isPathKey: isNamed, texts, withPaths, wholePaths }: ArgumentEvidence): boolean {
  return withPaths > 0 && (isNamed || wholePaths >= texts * TYPICAL_SHARE)
}

/** True for an argument that holds hosts, URLs or addresses, by its name or by what it held. */
export function isHostArgument({ isHostKey: isNamed, texts, withHosts, wholeHosts }: ArgumentEvidence): boolean {
  return withHosts > 0 && (isNamed || wholeHosts >= texts * TYPICAL_SHARE)
}

function nameOf(keys: KeyChain | undefined): string {
  const segments: string[] = []
  for (let at = keys; at !== undefined; at = at.parent) segments.unshift(at.name)
  // A name with a dot in a part of it can't be written; it gets an empty part, by which that is seen.
  const isWritable = segments.every((segment) => segment !== '' && !segment.includes('.'))
  return isWritable ? segments.join('.') : `.${segments.join('.')}`
}

interface Seen {
  readonly session: string
  readonly root?: string | undefined
  readonly budget: { characters: number }
}

function addPaths(evidence: ArgumentEvidence, text: ArgumentText, { session, root, budget }: Seen): boolean {
  const found = listPathArguments(text, evidence.isPathKey, budget)
  if (found.length === 0) return false
  evidence.withPaths += 1
  if (/^(?:\/|~|file:)\S*$/i.test(text.text)) evidence.wholePaths += 1
  for (const each of found)
    for (const reading of 'problem' in each ? [] : each.texts) {
      const place = locate(reading, root)
      // A policy can't name a path that holds a wildcard.
      if ('path' in place && !/[*?]/.test(place.path)) evidence.paths.add(place.path, session)
      else evidence.badPaths.add(session)
    }
  if (found.some((each) => 'problem' in each)) evidence.badPaths.add(session)
  return true
}

function addHosts(evidence: ArgumentEvidence, text: ArgumentText, { session, budget }: Seen): boolean {
  const found = listHostArguments(text, evidence.isHostKey, budget)
  if (found.length === 0) return false
  evidence.withHosts += 1
  if (!/[\s,;]/.test(text.text)) evidence.wholeHosts += 1
  for (const each of found)
    if ('problem' in each || !canBeListed(each.host)) evidence.badHosts.add(session)
    else evidence.hosts.add(each.host.name, session)
  return true
}

/** A host such as `*` is a name to a URL parser, and every host to a policy. */
function canBeListed({ name }: Host): boolean {
  const entry = parseAllowedHost(name.includes(':') ? `[${name}]` : name)
  return typeof entry === 'object' && entry.type === 'exact' && entry.name === name
}

function addShape(shapes: Shapes, names: ReadonlySet<string>, session: string): void {
  const key = [...names].join('\n')
  const known = shapes.get(key)
  if (known !== undefined) known.sessions.add(session)
  // Too many to tell apart: such a call counts as one without.
  else if (shapes.size < MAX_SHAPES) shapes.set(key, { names: [...names], sessions: new Set([session]) })
  else addShape(shapes, new Set(), session)
}
