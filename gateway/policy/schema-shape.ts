// What a rule's `arguments` may hold: JSON Schema 2020-12 without what would let arguments choose how long it takes
// (recursion, remote or dynamic references, formats), read strictly: a keyword for one type asks for that type, and a
// named property has to be there unless `required` says otherwise.

import { findPatternProblem } from './linear-pattern.ts'

/** Most schemas within one `arguments`, with every reference counted as what it refers to. */
const MAX_SCHEMA_NODES = 2_000
/** Deepest nesting of one `arguments`, references followed. */
const MAX_SCHEMA_DEPTH = 32

/** An object of a schema. */
export type SchemaObject = Readonly<Record<string, unknown>>

/** What is wrong at a place below `arguments`. */
export interface SchemaProblem {
  readonly path: readonly (string | number)[]
  readonly message: string
}

const refused: Readonly<Record<string, string>> = {
  format: 'formats are not checked here: write a pattern',
  $id: 'a schema here has no name of its own',
  $anchor: 'references are made as "#/$defs/name"',
  $dynamicRef: 'references are made as "#/$defs/name"',
  $dynamicAnchor: 'references are made as "#/$defs/name"',
  $vocabulary: 'the vocabulary is that of 2020-12',
  contentMediaType: 'contents are not decoded here',
  contentEncoding: 'contents are not decoded here',
  contentSchema: 'contents are not decoded here',
}
const dialect = 'https://json-schema.org/draft/2020-12/schema'

const typeOfKeyword: Readonly<Record<string, string>> = {
  ...from('number', ['minimum', 'maximum', 'exclusiveMinimum', 'exclusiveMaximum', 'multipleOf']),
  ...from('string', ['minLength', 'maxLength', 'pattern']),
  ...from('array', ['items', 'prefixItems', 'contains', 'minItems', 'maxItems', 'uniqueItems', 'unevaluatedItems']),
  ...from('object', ['properties', 'patternProperties', 'additionalProperties', 'unevaluatedProperties', 'required']),
  ...from('object', ['propertyNames', 'minProperties', 'maxProperties', 'dependentRequired', 'dependentSchemas']),
}
const numericTypes: readonly unknown[] = ['number', 'integer']

/** Below these a stricter schema makes the whole stricter; below all others nothing is added to what is written. */
const positiveKeywords: ReadonlySet<string> = new Set(
  ['properties', 'patternProperties', 'items', 'prefixItems', 'additionalProperties', 'allOf', 'anyOf'].concat(
    'then',
    'else',
  ),
)
const schemaKeywords: readonly string[] = [
  'items',
  'additionalProperties',
  'contains',
  'propertyNames',
  'not',
  'if',
].concat(['then', 'else', 'unevaluatedItems', 'unevaluatedProperties'])
const listKeywords: readonly string[] = ['allOf', 'anyOf', 'oneOf', 'prefixItems']
const mapKeywords: readonly string[] = ['properties', 'patternProperties', 'dependentSchemas', '$defs']

function from(type: string, keywords: readonly string[]): Readonly<Record<string, string>> {
  return Object.fromEntries(keywords.map((keyword) => [keyword, type]))
}

/** The schema as it is compiled, and whether it compares numbers; or all that is wrong with it. */
export type ReadShape =
  | { readonly schema: SchemaObject; readonly isNumeric: boolean }
  | { readonly problems: readonly SchemaProblem[] }

/** Checks the shape of a rule's `arguments` and makes its strict reading explicit. */
export function readSchemaShape(root: SchemaObject): ReadShape {
  const walk: Walk = { root, problems: [], state: { nodes: 0, isNumeric: false } }
  const schema = readNode(root, { walk, path: [], isPositive: true, refs: [] })
  return walk.problems.length > 0
    ? { problems: walk.problems }
    : { schema: schema as SchemaObject, isNumeric: walk.state.isNumeric }
}

interface Walk {
  readonly root: SchemaObject
  readonly problems: SchemaProblem[]
  readonly state: { nodes: number; isNumeric: boolean }
}

interface Place {
  readonly walk: Walk
  readonly path: readonly (string | number)[]
  readonly isPositive: boolean
  /** The references that lead here: none may come twice. */
  readonly refs: readonly string[]
}

function readNode(node: unknown, place: Place): unknown {
  const { walk, path } = place
  walk.state.nodes += 1
  if (walk.state.nodes > MAX_SCHEMA_NODES) return tooLarge(place, `holds more than ${MAX_SCHEMA_NODES} schemas`)
  if (path.length > MAX_SCHEMA_DEPTH * 2) return tooLarge(place, `nests deeper than ${MAX_SCHEMA_DEPTH}`)
  if (typeof node === 'boolean') return node
  if (!isObject(node)) return report(place, 'expected a schema: a map, true or false')
  const read = Object.fromEntries(
    Object.entries(node).map(([keyword, value]) => [keyword, readKeyword(keyword, value, place)]),
  )
  if (isNumericNode(node)) walk.state.isNumeric = true
  if (typeof node.$ref === 'string') followReference(node.$ref, place)
  return place.isPositive ? withStrictReading(read) : checkTypes(read, place)
}

function readKeyword(keyword: string, value: unknown, place: Place): unknown {
  const at = (...more: readonly (string | number)[]): Place => ({
    ...place,
    path: [...place.path, keyword, ...more],
    isPositive: place.isPositive && positiveKeywords.has(keyword),
  })
  const why = refused[keyword]
  if (why !== undefined) return report(at(), why)
  if (keyword === '$schema' && value !== dialect) return report(at(), `expected ${dialect}`)
  if (keyword === 'pattern') return readPattern(value, at())
  if (schemaKeywords.includes(keyword)) return readNode(value, at())
  if (listKeywords.includes(keyword))
    return Array.isArray(value) ? value.map((item: unknown, index) => readNode(item, at(index))) : value
  if (!mapKeywords.includes(keyword) || !isObject(value)) return value
  if (keyword === 'patternProperties') for (const pattern of Object.keys(value)) readPattern(pattern, at(pattern))
  return Object.fromEntries(Object.entries(value).map(([name, item]) => [name, readNode(item, at(name))]))
}

function readPattern(pattern: unknown, place: Place): unknown {
  if (typeof pattern !== 'string') return report(place, 'expected a pattern')
  const problem = findPatternProblem(pattern)
  return problem === undefined ? pattern : report(place, `the pattern ${problem}`)
}

/** What a reference stands for counts once more, so that no chain of them can multiply. */
function followReference(ref: string, place: Place): void {
  const at = { ...place, path: [...place.path, '$ref'] }
  const name = /^#\/\$defs\/([^/~%]+)$/.exec(ref)?.[1]
  if (name === undefined) return void report(at, 'expected a reference within this schema: "#/$defs/name"')
  const { $defs } = place.walk.root
  const target = isObject($defs) ? $defs[name] : undefined
  if (target === undefined) return void report(at, `there is no $defs.${name}`)
  if (place.refs.includes(name)) return void report(at, 'a schema that refers to itself is not evaluated here')
  const problems: SchemaProblem[] = []
  const walk = { ...place.walk, problems }
  readNode(target, { walk, path: at.path, isPositive: false, refs: [...place.refs, name] })
  // What is wrong with the definition itself is told where it stands.
  for (const problem of problems)
    if (/refers to itself|holds more|nests deeper/.test(problem.message)) report(at, problem.message)
}

function withStrictReading(read: Record<string, unknown>): SchemaObject {
  const types = typesAskedFor(read)
  const required = isObject(read.properties) && read.required === undefined ? Object.keys(read.properties) : undefined
  return {
    ...read,
    ...(read.type === undefined && types.length > 0 ? { type: types } : {}),
    ...(required === undefined ? {} : { required }),
  }
}

/** Where strictness would open (below `not`, say), the type has to be written. */
function checkTypes(read: Record<string, unknown>, place: Place): SchemaObject {
  const [type] = typesAskedFor(read)
  if (type !== undefined && read.type === undefined) report(place, `expected a type here, as "type: ${type}"`)
  return read
}

function typesAskedFor(read: Record<string, unknown>): readonly string[] {
  return [
    ...new Set(
      Object.keys(read).flatMap((keyword) =>
        Object.hasOwn(typeOfKeyword, keyword) ? (typeOfKeyword[keyword] ?? []) : [],
      ),
    ),
  ]
}

function isNumericNode(node: SchemaObject): boolean {
  const types = Array.isArray(node.type) ? (node.type as readonly unknown[]) : [node.type]
  return (
    types.some((type) => numericTypes.includes(type)) ||
    Object.keys(node).some((keyword) => Object.hasOwn(typeOfKeyword, keyword) && typeOfKeyword[keyword] === 'number') ||
    /\d/.test(JSON.stringify([node.const, node.enum]))
  )
}

function tooLarge(place: Place, what: string): undefined {
  const { problems } = place.walk
  if (!problems.some(({ message }) => message.endsWith(what))) report(place, `the schema ${what}`)
  return undefined
}

function report({ walk, path }: Place, message: string): undefined {
  walk.problems.push({ path, message })
  return undefined
}

function isObject(value: unknown): value is SchemaObject {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}
