// The `arguments` constraint: JSON Schema 2020-12, compiled by ajv when the policy is loaded; the only file that imports it.
// Patterns run in linear time (linear-pattern.ts), equal items are found in linear time, and nothing is fetched.

import { createRequire } from 'node:module'
import { compileLinearPattern, createPatternBudget, type PatternBudget, testWithin } from './linear-pattern.ts'
import { readSchemaShape, type SchemaObject, type SchemaProblem } from './schema-shape.ts'

/** A compiled `arguments` constraint. */
export interface ArgumentSchema {
  /** True where it compares numbers: then a number that parsers read differently denies. */
  readonly isNumeric: boolean
  /** As it stands in the file. */
  readonly written: SchemaObject
  /** The place in the schema that the arguments break, as `/properties/limit/maximum`; undefined where they hold. */
  readonly findBroken: (value: unknown) => string | undefined
}

/** Compiles an `arguments` constraint, or says all that is wrong with it. */
export function compileArgumentSchema(
  schema: SchemaObject,
): { readonly ok: ArgumentSchema } | { readonly problems: readonly SchemaProblem[] } {
  const shape = readSchemaShape(schema)
  if ('problems' in shape) return shape
  const { ajv, budget } = loadCompiler()
  try {
    const validate = ajv.compile(shape.schema)
    const findBroken = (value: unknown): string | undefined => {
      Object.assign(budget, createPatternBudget())
      if (validate(value) === true) return undefined
      // The path in the schema is the policy's own; the path in the arguments would quote the caller.
      return validate.errors?.[0]?.schemaPath.replace(/^#/, '').slice(0, MAX_PLACE_CHARACTERS) ?? '/'
    }
    return { ok: { isNumeric: shape.isNumeric, written: schema, findBroken } }
  } catch (error) {
    return { problems: [{ path: [], message: describeCompileError(error) }] }
  } finally {
    // ajv keeps every schema that it compiled; a gateway reloads policies for weeks.
    ajv.removeSchema(shape.schema)
  }
}

const MAX_PLACE_CHARACTERS = 200
/** Most items of a list that are compared with each other. */
const MAX_COMPARED_ITEMS = 10_000

function describeCompileError(error: unknown): string {
  const text = error instanceof Error ? error.message : 'refused'
  return `is no JSON Schema 2020-12: ${text.replaceAll('data/', '').slice(0, 500)}`
}

type Ajv = import('ajv/dist/2020.js').default

interface Compiler {
  readonly ajv: Ajv
  readonly budget: PatternBudget
}

let compiler: Compiler | undefined

/** Loaded when the first schema is: it takes some 80 ms, and few policies have one. */
function loadCompiler(): Compiler {
  compiler ??= createCompiler()
  return compiler
}

function createCompiler(): Compiler {
  const { Ajv2020 } = createRequire(import.meta.url)('ajv/dist/2020.js') as typeof import('ajv/dist/2020.js')
  const budget = createPatternBudget()
  const createPattern = (pattern: string) => {
    const compiled = compileLinearPattern(pattern)
    // ajv keeps one engine for each text that `toString` gives.
    return { test: (text: string) => testWithin(budget, compiled, text), toString: () => pattern }
  }
  const ajv = new Ajv2020({
    strict: true,
    strictTypes: false,
    strictTuples: false,
    strictRequired: false,
    ownProperties: true,
    logger: false,
    validateFormats: false,
    code: { regExp: Object.assign(createPattern, { code: 'createPattern' }) },
  })
  ajv.removeKeyword('uniqueItems')
  ajv.addKeyword({ keyword: 'uniqueItems', type: 'array', schemaType: 'boolean', validate: hasUniqueItems })
  return { ajv, budget }
}

/** Compares by a text with sorted keys: ajv's own comparison of each item with each other is quadratic. */
function hasUniqueItems(isAsked: boolean, items: readonly unknown[]): boolean {
  if (!isAsked) return true
  if (items.length > MAX_COMPARED_ITEMS)
    throw new RangeError('the arguments hold a list that is too long to be compared')
  return new Set(items.map(toSortedText)).size === items.length
}

function toSortedText(value: unknown): string {
  return JSON.stringify(value, (_, item: unknown) =>
    typeof item === 'object' && item !== null && !Array.isArray(item)
      ? Object.fromEntries(Object.entries(item).sort(([a], [b]) => (a < b ? -1 : 1)))
      : item,
  )
}
