// A condition of another form as clauses, each of which is a rule: which tools and principals it speaks of, and what of it
// no rule can say. A clause matches at least what the condition did; `lost` says by what it matches more.

import { globsOfComparison, globsOfExpression } from './action-types.ts'
import { type ForeignCondition, unknownKeys } from './authensor-form.ts'

/** One way in which a condition can hold. */
export interface Clause {
  /** Patterns over tools; undefined for every tool. */
  readonly tools: readonly string[] | undefined
  readonly principals: readonly string[] | undefined
  /** JSON Schemas of arguments, by name. */
  readonly arguments: Readonly<Record<string, object>>
  /** Comparisons that could not be carried over. */
  readonly lost: readonly string[]
  /** Action types of other integrations, taken as names of tools. */
  readonly isForeign: boolean
}

/** Most clauses of one condition; beyond, the whole condition counts as not carried over. */
const MAX_CLAUSES = 32
const everything: Clause = { tools: undefined, principals: undefined, arguments: {}, lost: [], isForeign: false }

/** The clauses of a condition; at least one. */
export function readClauses(condition: ForeignCondition | undefined): readonly Clause[] {
  const clauses = condition === undefined ? [everything] : read(condition)
  return clauses.length <= MAX_CLAUSES ? clauses : [{ ...everything, lost: [describe(condition ?? {})] }]
}

function read(condition: ForeignCondition): readonly Clause[] {
  const { field, operator, value: _, all, any, not, ...rest } = condition
  const kinds = [all, any, not, field ?? operator].filter((each) => each !== undefined).length
  const lost = [{ ...everything, lost: [describe(condition)] }]
  if (kinds > 1 || not !== undefined || unknownKeys(rest, []).length > 0) return lost
  if (any !== undefined) return any.length === 0 ? lost : any.flatMap(read)
  if (all !== undefined)
    return all
      .map(read)
      .reduce<readonly Clause[]>(
        (found, next) =>
          found.length * next.length > MAX_CLAUSES
            ? [...lost]
            : found.flatMap((left) => next.map((right) => both(left, right))),
        [everything],
      )
  return kinds === 0 ? [everything] : [readComparison(condition)]
}

function both(left: Clause, right: Clause): Clause {
  const repeated = Object.keys(right.arguments).filter((name) => Object.hasOwn(left.arguments, name))
  const [tools, principals] = [left.tools ?? right.tools, left.principals ?? right.principals]
  return {
    tools,
    principals,
    arguments: { ...right.arguments, ...left.arguments },
    lost: [
      ...left.lost,
      ...right.lost,
      ...(left.tools !== undefined && right.tools !== undefined
        ? [`action.type also among ${right.tools.join(', ')}`]
        : []),
      ...(left.principals !== undefined && right.principals !== undefined
        ? [`principal also among ${right.principals.join(', ')}`]
        : []),
      ...repeated.map((name) => `a second comparison of ${JSON.stringify(name)}`),
    ],
    isForeign: left.isForeign || right.isForeign,
  }
}

function readComparison(condition: ForeignCondition): Clause {
  const { field = '', operator = '', value } = condition
  const lost = { ...everything, lost: [describe(condition)] }
  if (field === 'action.type' && operator === 'exists') return value === false ? lost : everything
  if (field === 'action.type') {
    const found =
      operator === 'matches' && typeof value === 'string'
        ? globsOfExpression(value)
        : globsOfComparison(operator, value)
    return found === undefined ? lost : { ...everything, tools: found.globs, isForeign: !found.isMcp }
  }
  if (field === 'principal.type') {
    const types =
      operator === 'eq' ? [value] : operator === 'in' && Array.isArray(value) ? (value as readonly unknown[]) : []
    const isPlain = types.length > 0 && types.every((type) => typeof type === 'string' && /^[a-z]+$/.test(type))
    return isPlain ? { ...everything, principals: types.map((type) => `${String(type)}:*`) } : lost
  }
  const name = /^action\.parameters\.([\w-]+)$/.exec(field)?.[1]
  const schema = name === undefined ? undefined : schemaOf(operator, value)
  return name === undefined || schema === undefined ? lost : { ...everything, arguments: { [name]: schema } }
}

/** What an argument has to be; stricter than there, since it also has to be given. */
function schemaOf(operator: string, value: unknown): object | undefined {
  const isNumber = typeof value === 'number' && Number.isFinite(value)
  const isText = typeof value === 'string'
  const escaped = isText ? value.replace(/[.*+?^${}()|[\]\\]/g, '\\$&') : ''
  switch (operator) {
    case 'eq':
      return isText || isNumber || typeof value === 'boolean' ? { const: value } : undefined
    case 'in':
      return Array.isArray(value) && value.length > 0 ? { enum: value } : undefined
    case 'gt':
      return isNumber ? { exclusiveMinimum: value } : undefined
    case 'gte':
      return isNumber ? { minimum: value } : undefined
    case 'lt':
      return isNumber ? { exclusiveMaximum: value } : undefined
    case 'lte':
      return isNumber ? { maximum: value } : undefined
    case 'startsWith':
      return isText ? { pattern: `^${escaped}.*$` } : undefined
    case 'endsWith':
      return isText ? { pattern: `^.*${escaped}$` } : undefined
    default:
      return undefined
  }
}

/** One line, whatever the file holds. */
function describe(condition: ForeignCondition): string {
  return JSON.stringify(condition).slice(0, 300)
}
