// Parts of a rule that change nothing: constraints that hold nobody back, limits that are never counted, and schemas that
// no arguments can meet, so that the rule denies whatever it matches.

import type { RuleFinding } from './lint.ts'
import { lintSchema } from './lint-schema.ts'
import { isWithin } from './locate.ts'
import type { Constraints, Rule } from './policy.ts'
import type { KeyPath } from './problems.ts'

/** Looks over what a rule asks for. */
export function lintConstraints(rule: Rule): readonly RuleFinding[] {
  const { constraints } = rule
  return [
    ...lintUnused(rule),
    ...lintOpen(rule),
    ...lintClasses(rule),
    ...(constraints === undefined || rule.action === 'deny'
      ? []
      : [...lintPaths(constraints), ...lintDomains(constraints), ...lintArguments(constraints)]),
  ]
}

function vacuous(key: KeyPath, message: string): RuleFinding {
  return { level: 'warning', check: 'vacuous', key, message }
}

/** Keys that the rule's action never looks at. */
function lintUnused({ action, written, onAmbiguous }: Rule): readonly RuleFinding[] {
  const why = 'a rule that denies does so whatever stands here: to deny some calls only, allow the others before it'
  const unused = (['constraints', 'rateLimit', 'budget', 'onAmbiguous'] as const).flatMap((key) =>
    action === 'deny' && written[key] !== undefined ? [vacuous([key], why)] : [],
  )
  const asks = action === 'escalate' || onAmbiguous === 'escalate'
  return written.approval === undefined || asks
    ? unused
    : [...unused, vacuous(['approval'], 'nothing that this rule decides waits for an approval')]
}

/** `[!a]` negates in a shell; here it is "!" or "a". */
function lintClasses({ written }: Rule): readonly RuleFinding[] {
  return (['tool', 'server', 'principal', 'client'] as const).flatMap((key) =>
    (written[key] ?? []).flatMap((glob, at): readonly RuleFinding[] =>
      glob.includes('[!')
        ? [
            {
              level: 'warning',
              check: 'class',
              key: [key, at],
              message: '"[!…]" holds "!" itself: "[^…]" is what negates',
            },
          ]
        : [],
    ),
  )
}

function lintOpen({ action, written }: Rule): readonly RuleFinding[] {
  const names = written.tool ?? ['*']
  const isOpen = names.some((name) => /^(?:\*+|\*+\/\*+)$/.test(name)) && written.constraints === undefined
  if (action !== 'allow' || !isOpen || written.principal !== undefined) return []
  const message = `every ${written.tool === undefined ? 'request' : 'tool'}${written.server === undefined ? '' : ' of these servers'} is allowed, whatever its arguments`
  return [{ level: 'warning', check: 'allows-everything', key: ['action'], message }]
}

function lintPaths({ allowedPaths, deniedPaths, notPaths }: Constraints): readonly RuleFinding[] {
  const at = ['constraints', 'allowedPaths']
  const broad = (allowedPaths ?? []).flatMap((path, place) =>
    path === '/' ? [vacuous([...at, place], 'every path lies beneath "/"')] : [],
  )
  const within = (allowedPaths ?? []).flatMap((path, place) => {
    const outer = allowedPaths?.find(
      (other, index) => index !== place && (other !== path || index < place) && isWithin(path, other),
    )
    return outer === undefined || outer === '/'
      ? []
      : [note([...at, place], `it lies beneath ${outer}, which is allowed too`)]
  })
  const unused = allowedPaths === undefined && deniedPaths === undefined && notPaths.length > 0
  return [
    ...broad,
    ...within,
    ...(unused ? [vacuous(['constraints', 'notPaths'], 'there is neither allowedPaths nor deniedPaths')] : []),
  ]
}

function note(key: KeyPath, message: string): RuleFinding {
  return { level: 'note', check: 'redundant', key, message }
}

function lintDomains({ allowedDomains, deniedDomains, notDomains }: Constraints): readonly RuleFinding[] {
  const at = ['constraints', 'allowedDomains']
  const broad = (allowedDomains ?? []).flatMap(({ type }, place) =>
    type === 'any' ? [vacuous([...at, place], 'it lets every public host pass')] : [],
  )
  const unused = allowedDomains === undefined && deniedDomains === undefined && notDomains.length > 0
  return [
    ...broad,
    ...(unused ? [vacuous(['constraints', 'notDomains'], 'there is neither allowedDomains nor deniedDomains')] : []),
  ]
}

function lintArguments({ arguments: schema }: Constraints): readonly RuleFinding[] {
  if (schema === undefined) return []
  const asked = Object.keys(schema.written).filter(
    (key) => !['$schema', '$comment', 'title', 'description', '$defs'].includes(key),
  )
  const isEmpty = asked.length === 0 || (asked.length === 1 && schema.written.type === 'object')
  const key = ['constraints', 'arguments']
  return isEmpty
    ? [vacuous(key, 'every object of arguments meets it')]
    : lintSchema(schema.written).map(({ path, message }) => ({
        ...({ level: 'warning', check: 'unsatisfiable', key: [...key, ...path], message } as const),
      }))
}
