// A first policy for a server, from what it says of its tools: reads are allowed within given directories, what changes or
// sends something waits for a person, what destroys is denied. A server's own words are a guess at best, and everything in
// them is untrusted: names go into the text quoted, descriptions and patterns not at all.

import { type ToolHints, toolClassOf } from '../../events/tool-class.ts'
import type { KeyChain } from './arguments.ts'
import { rememberNaming } from './arguments.ts'
import { hostKeys } from './host-arguments.ts'
import { pathKeys } from './path-arguments.ts'
import { findToolPatternProblem } from './tool-pattern.ts'

/** A tool as its server describes it. */
export interface DescribedTool {
  readonly name: string
  readonly hints: ToolHints
  /** The names of its arguments. */
  readonly arguments: readonly string[]
}

/** What a first policy is written from. */
export interface StarterOptions {
  readonly server: string
  readonly tools: readonly DescribedTool[]
  /** Absolute directories within which reads are allowed. */
  readonly roots: readonly string[]
  /** The comment that names the schema for editors. */
  readonly schemaComment: string
}

type Group = 'read' | 'readPaths' | 'write' | 'writePaths' | 'send' | 'unknown' | 'destroy' | 'unnamed'

const isPath = rememberNaming(new Set(pathKeys))
const isHost = rememberNaming(new Set(hostKeys))
/** Arguments whose texts look like paths and are none. */
const textArgument =
  /^(?:patterns?|excludePatterns|includePatterns|globs?|query|regexp?|contents?|text|edits|oldText|newText|sql|message|body)$/

/** Most of a server's name in an id, which has 128 characters at most. */
const MAX_NAME_CHARACTERS = 100

/** Writes the policy, as YAML. */
export function writeStarterPolicy({ server, tools, roots, schemaComment }: StarterOptions): string {
  const groups = new Map<Group, DescribedTool[]>()
  for (const tool of tools) {
    const group = groupOf(tool, roots.length > 0)
    groups.set(group, [...(groups.get(group) ?? []), tool])
  }
  const rules = ruleTexts.flatMap((rule) => {
    const members = groups.get(rule.group) ?? []
    return members.length === 0 ? [] : [writeRule(rule, members, { server, roots })]
  })
  const unnamed = groups.get('unnamed') ?? []
  return [
    schemaComment,
    `# A first policy for the server ${JSON.stringify(server)}, from the ${tools.length} tools that it listed. What a tool does is`,
    '# guessed from its name and its own hints: read it before you use it, and try it with `toolwarden policy test`.',
    '# What no rule names is denied, also tools that the server adds later.',
    ...unnamed.map(({ name }) => `# No pattern can name ${JSON.stringify(name)}: it is denied.`),
    'version: "1"',
    'default: deny',
    rules.length === 0 ? 'rules: []' : 'rules:',
    ...rules,
    '',
  ].join('\n')
}

function groupOf({ name, hints, arguments: names }: DescribedTool, hasRoots: boolean): Group {
  if (!canName(name)) return 'unnamed'
  const takesPath = names.some((each) => isPath(chainOf(each)))
  const isKnown = hints.readOnlyHint !== undefined || hints.destructiveHint !== undefined
  switch (toolClassOf(name, hints)) {
    case 'destructive':
      return /delete|remove|drop|destroy|purge|erase|wipe|kill|terminate|truncate|reset/i.test(name)
        ? 'destroy'
        : withPath(takesPath && hasRoots, 'write')
    case 'egress':
      return 'send'
    case 'read':
      // A server's hint is its own word: it makes nothing harmless that its name does not.
      if (toolClassOf(name) !== 'read') return 'unknown'
      // What goes out to an address of the caller's choice also carries something there.
      if (names.some((each) => isHost(chainOf(each)))) return 'send'
      return takesPath && !hasRoots ? 'unknown' : withPath(takesPath, 'read')
    case 'write':
      return isKnown ? withPath(takesPath && hasRoots, 'write') : 'unknown'
  }
}

function withPath(takesPath: boolean, group: 'read' | 'write'): Group {
  return takesPath ? `${group}Paths` : group
}

/** Only a name that means itself and nothing else as a pattern. */
function canName(name: string): boolean {
  return !/[*?[\]/:\p{Cc}]/u.test(name) && name.isWellFormed() && findToolPatternProblem(name) === undefined
}

function chainOf(name: string): KeyChain {
  return { name, parent: undefined }
}

interface RuleText {
  readonly group: Group
  readonly id: string
  readonly action: 'allow' | 'deny' | 'escalate'
  readonly comment: string
}

const ruleTexts: readonly RuleText[] = [
  {
    group: 'destroy',
    id: 'destroy',
    action: 'deny',
    comment: 'They destroy something. Allow one by a rule before this one.',
  },
  {
    group: 'readPaths',
    id: 'read',
    action: 'allow',
    comment: 'They read below these directories. Add what is secret to deniedPaths.',
  },
  { group: 'read', id: 'look', action: 'allow', comment: 'They read, and take no path or address.' },
  {
    group: 'writePaths',
    id: 'write',
    action: 'escalate',
    comment: 'They change something below these directories: a person is asked.',
  },
  { group: 'write', id: 'change', action: 'escalate', comment: 'They change something: a person is asked.' },
  {
    group: 'send',
    id: 'send',
    action: 'escalate',
    comment: 'They send something, or go to an address: list the hosts under allowedDomains, then allow them.',
  },
  {
    group: 'unknown',
    id: 'unknown',
    action: 'escalate',
    comment: 'What they do is not known, or where they may: a person is asked.',
  },
]

function writeRule(
  { group, id, action, comment }: RuleText,
  members: readonly DescribedTool[],
  { server, roots }: { readonly server: string; readonly roots: readonly string[] },
): string {
  const list = (texts: readonly string[]): string => `[${texts.map((text) => JSON.stringify(text)).join(', ')}]`
  const texts = [...new Set(members.flatMap(({ arguments: names }) => names.filter((name) => textArgument.test(name))))]
  const constraints = [
    '    constraints:',
    `      allowedPaths: ${list(roots)}`,
    `      deniedPaths: ["**/.env*", "**/.ssh/**", "**/.git/**", "**/*.pem", "**/*.key"]`,
    ...(texts.length === 0 ? [] : [`      notPaths: ${list(texts)}`]),
  ]
  return [
    `  # ${comment}`,
    `  - id: ${idOf(server, id)}`,
    '    tool:',
    ...members.map(({ name }) => `      - ${JSON.stringify(name)}`),
    `    server: ${JSON.stringify(server)}`,
    `    action: ${action}`,
    ...(group === 'readPaths' || group === 'writePaths' ? constraints : []),
  ].join('\n')
}

/** Ids are unique over all files of a policy: those of several servers have to go together under `extends`. */
function idOf(server: string, id: string): string {
  const name = server.replace(/[^\w.-]/g, '-').replace(/^[^A-Za-z0-9]+/, '')
  return name === '' ? id : `${name.slice(0, MAX_NAME_CHARACTERS)}-${id}`
}
