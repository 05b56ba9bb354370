// Contradictions in a JSON Schema that nothing can meet: bounds that cross, values that their own type or pattern refuses,
// properties that are asked for and refused, anchors in the middle of a pattern. It finds what it can prove.

import { compileLinearPattern } from './linear-pattern.ts'
import type { SchemaObject, SchemaProblem } from './schema-shape.ts'

const bounds = [
  ['minimum', 'maximum'],
  ['minLength', 'maxLength'],
  ['minItems', 'maxItems'],
  ['minProperties', 'maxProperties'],
] as const
const below: readonly string[] = ['items', 'additionalProperties', 'contains', 'propertyNames', 'then', 'else']
const lists: readonly string[] = ['allOf', 'anyOf', 'oneOf', 'prefixItems']
const maps: readonly string[] = ['properties', 'patternProperties', '$defs']

/** Every part of a schema that nothing meets; the schema is one that loaded. */
export function lintSchema(schema: SchemaObject, path: SchemaProblem['path'] = []): readonly SchemaProblem[] {
  const own = [...lintBounds(schema), ...lintValues(schema), ...lintRequired(schema), ...lintPattern(schema)]
  const found = own.map(([keyword, message]) => ({ path: [...path, keyword], message }))
  return [...found, ...Object.entries(schema).flatMap(([keyword, value]) => lintBelow(keyword, value, path))]
}

type Found = readonly [keyword: string, message: string]

function lintBelow(keyword: string, value: unknown, path: SchemaProblem['path']): readonly SchemaProblem[] {
  if (below.includes(keyword) && isObject(value)) return lintSchema(value, [...path, keyword])
  if (lists.includes(keyword) && Array.isArray(value))
    return value.flatMap((item: unknown, at) => (isObject(item) ? lintSchema(item, [...path, keyword, at]) : []))
  if (!maps.includes(keyword) || !isObject(value)) return []
  return Object.entries(value).flatMap(([name, item]) =>
    isObject(item) ? lintSchema(item, [...path, keyword, name]) : [],
  )
}

function lintBounds(schema: SchemaObject): readonly Found[] {
  return bounds.flatMap(([least, most]): readonly Found[] => {
    const [low, high] = [schema[least], schema[most]]
    return typeof low === 'number' && typeof high === 'number' && low > high
      ? [[least, `nothing meets it: ${least} ${low} is above ${most} ${high}`]]
      : []
  })
}

function lintValues(schema: SchemaObject): readonly Found[] {
  const keyword = schema.const === undefined ? 'enum' : 'const'
  const values: unknown = schema.const === undefined ? schema.enum : [schema.const]
  if (!Array.isArray(values) || values.length === 0) return []
  const refused = values.filter((value: unknown) => !meetsSiblings(value, schema))
  if (refused.length === 0) return []
  const shown = JSON.stringify(refused[0]).slice(0, 60)
  return [
    [
      keyword,
      `${refused.length === values.length ? 'nothing meets it' : 'a value never counts'}: ${shown} is refused by the type, pattern or length beside it`,
    ],
  ]
}

function meetsSiblings(value: unknown, { type, pattern, minLength, maxLength }: SchemaObject): boolean {
  const types: readonly unknown[] = Array.isArray(type) ? type : type === undefined ? [] : [type]
  if (types.length > 0 && !types.some((each) => isOfType(value, each))) return false
  if (typeof value !== 'string') return pattern === undefined
  const length = [...value].length
  if (typeof minLength === 'number' && length < minLength) return false
  if (typeof maxLength === 'number' && length > maxLength) return false
  return typeof pattern !== 'string' || compileLinearPattern(pattern).test(value)
}

function isOfType(value: unknown, type: unknown): boolean {
  if (type === 'null') return value === null
  if (type === 'array') return Array.isArray(value)
  if (type === 'integer') return Number.isInteger(value)
  if (type === 'object') return isObject(value)
  return typeof value === type
}

function lintRequired({
  required,
  properties,
  patternProperties,
  additionalProperties,
}: SchemaObject): readonly Found[] {
  if (!Array.isArray(required) || additionalProperties !== false || patternProperties !== undefined) return []
  const known = isObject(properties) ? properties : {}
  const missing = required.filter((name: unknown) => typeof name === 'string' && !Object.hasOwn(known, name))
  return missing.length === 0
    ? []
    : [['required', `nothing meets it: ${missing.join(', ')} is asked for, and additionalProperties: false refuses it`]]
}

/** An anchor with text on its outer side: `^` after a character, `$` before one. */
function lintPattern({ pattern }: SchemaObject): readonly Found[] {
  if (typeof pattern !== 'string') return []
  const plain = pattern.replace(/\\[\s\S]/g, 'x').replace(/\[\^?\]?[^\]]*\]/g, 'x')
  // Only where the text is a bare character without a quantifier: it has to be there, and the anchor says that it can't.
  const isDead = /\$[\w\-/.@ ](?![*?{|])/.test(plain) || /[\w\-/.@ ]\^/.test(plain.slice(1))
  return isDead && !/\(\?[a-z]*m/.test(pattern) ? [['pattern', 'no text meets it: an anchor stands in its middle']] : []
}

function isObject(value: unknown): value is SchemaObject {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}
