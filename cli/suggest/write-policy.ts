// The text of a suggested policy: YAML with the evidence as comments. Names and values are written as JSON strings, which
// are YAML too, so that nothing out of a history can end a value and begin a key.

import type { SuggestedRule, Suggestion } from './history-evidence.ts'
import { compareNames, type Entry } from './marks.ts'
import { toNameGlob, toToolGlob } from './name-glob.ts'

/** Most calls between lines of a comment that name tools. */
const MAX_NAMED = 10
const MAX_ID_CHARACTERS = 100

/** Writes the policy. `history` says where the calls come from. */
export function writePolicy(suggestion: Suggestion, history: string): string {
  const ids = new Set<string>()
  return [
    ...header(suggestion, history),
    'version: "1"',
    'default: deny',
    suggestion.rules.length === 0 ? 'rules: []' : 'rules:',
    ...suggestion.rules.flatMap((rule) => writeRule(rule, newId(rule, ids))),
    '',
  ].join('\n')
}

function header(suggestion: Suggestion, history: string): readonly string[] {
  const { calls, sessions, from, to, principals, notRun, altered, beyond, missed, isLoose } = suggestion
  const who = `${principals.slice(0, MAX_NAMED).map(inComment).join(', ')}${principals.length > MAX_NAMED ? ', …' : ''}`
  return [
    `# Suggested by toolwarden from ${plural(calls, 'call')} in ${plural(sessions, 'session')} of ${inComment(history)}`,
    ...(from === undefined ? [] : [`# ${from} to ${to}, by ${plural(principals.length, 'principal')}: ${who}`]),
    '# It allows what these calls did, generalised to directories, domains and groups of tools. Read it before you use it:',
    '# what was done is not always what should be done.',
    `# A policy made from the other sessions would deny a call in ${missed} of the ${sessions} sessions.`,
    ...(isLoose
      ? [
          '# So few sessions prove no habit, and constraints are left out where they differ: --missed 50 writes them tighter.',
        ]
      : []),
    ...(notRun > 0 ? [`# Left out: ${plural(notRun, 'call')} that did not run.`] : []),
    ...(altered > 0
      ? [`# Left out: ${plural(altered, 'call')} that somebody changed in the store (toolwarden verify).`]
      : []),
    ...(beyond > 0 ? [`# Left out: ${plural(beyond, 'call')} of further tools, of which there are too many.`] : []),
  ]
}

function writeRule(rule: SuggestedRule, id: string): readonly string[] {
  const { tools, calls, unknownCalls, sessions } = rule
  const unknown = unknownCalls > 0 ? `; arguments of ${unknownCalls} were not recorded` : ''
  const [first] = tools
  const evidence = `${plural(calls, 'call')} in ${plural(sessions.size, 'session')}${unknown}`
  return [
    '',
    `  # ${evidence}`,
    `  - id: ${quote(id)}`,
    `    server: ${quote(toNameGlob(rule.server))}`,
    ...(tools.length === 1 && first !== undefined
      ? [`    tool: ${quote(toToolGlob(first.text))}`]
      : [
          '    tool:',
          ...listEntries(
            tools.map(({ text, calls: each }) => ({ text: toToolGlob(text), calls: each })),
            6,
          ),
        ]),
    '    action: allow',
    ...writeConstraints(rule),
  ]
}

function writeConstraints(rule: SuggestedRule): readonly string[] {
  const { allowedPaths, allowedDomains, values } = rule
  const lines = [
    ...(allowedPaths === undefined ? [] : writeList('allowedPaths', allowedPaths)),
    ...(allowedPaths === undefined ? [] : writeNames('notPaths', rule.notPaths)),
    ...(allowedDomains === undefined ? [] : writeList('allowedDomains', allowedDomains)),
    ...(allowedDomains === undefined ? [] : writeNames('notDomains', rule.notDomains)),
    ...writeValues(values),
  ]
  const open = [
    ...(allowedPaths === undefined && rule.pathArguments.length > 0
      ? [`    # any path: ${listNames(rule.pathArguments)}`]
      : []),
    ...(allowedDomains === undefined && rule.hostArguments.length > 0
      ? [`    # any host: ${listNames(rule.hostArguments)}`]
      : []),
  ]
  return lines.length === 0 ? open : [...open, '    constraints:', ...lines]
}

function writeList(key: string, entries: readonly Entry[]): readonly string[] {
  return [`      ${key}:`, ...listEntries(entries, 8)]
}

function listEntries(entries: readonly Entry[], indent: number): readonly string[] {
  return entries.map(({ text, calls }) => `${' '.repeat(indent)}- ${quote(text)}${calls > 0 ? ` # ${calls}` : ''}`)
}

function writeNames(key: string, names: readonly string[]): readonly string[] {
  return names.length === 0 ? [] : [`      ${key}: [${names.map(quote).join(', ')}]`]
}

/** No argument has to be there: history says what it may be, not that it must. */
function writeValues(values: SuggestedRule['values']): readonly string[] {
  if (values.size === 0) return []
  return [
    '      arguments:',
    '        type: object',
    '        required: []',
    '        properties:',
    ...[...values].map(([name, schema]) => `          ${quote(name)}: ${quote(schema)}`),
  ]
}

function newId({ server, isReading, tools }: SuggestedRule, ids: Set<string>): string {
  const what = isReading ? 'read' : (tools[0]?.text ?? '')
  const wanted = `${server}-${what}`.replace(/[^\w.:-]+/g, '-').replace(/^[^A-Za-z0-9]+/, '')
  const base = (wanted === '' ? 'rule' : wanted).slice(0, MAX_ID_CHARACTERS)
  let id = base
  for (let count = 2; ids.has(id); count += 1) id = `${base}-${count}`
  ids.add(id)
  return id
}

function listNames(names: readonly string[]): string {
  return [...names].sort(compareNames).map(inComment).join(', ')
}

/** One line, whatever the history holds: a line end would leave the comment. */
function inComment(text: string): string {
  return JSON.stringify(text)
    .slice(1, -1)
    .replace(/[\u0085\u2028\u2029]/g, ' ')
    .slice(0, 200)
}

function quote(value: unknown): string {
  return JSON.stringify(value).replace(
    /[\u0085\u2028\u2029\u007f]/g,
    (each) => `\\u${each.charCodeAt(0).toString(16).padStart(4, '0')}`,
  )
}

function plural(count: number, what: string): string {
  return `${count} ${what}${count === 1 ? '' : 's'}`
}
