// Regular expressions that no text can make slow: RE2 syntax, run by re2js in time linear in the text; the only file that
// imports it. Lookaround and back-references don't exist there and are refused.
// A pattern has to say that it means the whole value (`^…$`), so that both readings of it, search and match, are one.

import { createRequire } from 'node:module'

/** Longest pattern accepted, in characters. */
const MAX_PATTERN_CHARACTERS = 1_000
/** Most instructions of one compiled pattern: its time for one character grows with them. */
const MAX_PATTERN_INSTRUCTIONS = 1_000
/** Most steps, instructions times characters, that one decision spends on patterns. */
const MAX_PATTERN_STEPS = 200_000

/** A compiled pattern. */
export interface LinearPattern {
  /** Instructions of the compiled pattern. */
  readonly size: number
  readonly test: (text: string) => boolean
}

/** What one decision may still spend on patterns; `steps` counts down. */
export interface PatternBudget {
  steps: number
}

/** A budget for one decision. */
export function createPatternBudget(): PatternBudget {
  return { steps: MAX_PATTERN_STEPS }
}

/** Runs a pattern within a budget. Throws a RangeError where the budget does not suffice: such a call is denied. */
export function testWithin(budget: PatternBudget, pattern: LinearPattern, text: string): boolean {
  budget.steps -= pattern.size * (text.length + 1)
  if (budget.steps < 0) throw new RangeError('the arguments hold more text than the patterns of a rule may be tried on')
  return pattern.test(text)
}

/** Says what is wrong with a pattern, or undefined where it can be used. */
export function findPatternProblem(pattern: string): string | undefined {
  if (pattern.length > MAX_PATTERN_CHARACTERS) return `is longer than ${MAX_PATTERN_CHARACTERS} characters`
  if (!isAnchored(pattern))
    return 'does not say whether it means the whole value: write "^…$", and ".*" at an end that is open'
  if (hasOpenAlternative(pattern)) return 'has alternatives that the anchors do not cover: write "^(?:a|b)$"'
  try {
    const { size } = compileLinearPattern(pattern)
    return size > MAX_PATTERN_INSTRUCTIONS ? `is too large (${size} instructions when compiled)` : undefined
  } catch (error) {
    return `is no RE2 pattern: ${error instanceof Error ? error.message : 'refused'}`
  }
}

/** Compiles a pattern; throws where it is no RE2 pattern. */
export function compileLinearPattern(pattern: string): LinearPattern {
  const { RE2JS } = loadEngine()
  const compiled = RE2JS.compile(pattern, RE2JS.DOTALL)
  return { size: compiled.programSize(), test: (text) => compiled.testExact(text) }
}

/** A pattern whose matches anywhere in a text are replaced. */
export interface LinearReplacement {
  readonly size: number
  readonly replace: (text: string) => string
}

/** Compiles a pattern that is looked for anywhere; throws where it is no RE2 pattern. */
export function compileLinearReplacement(pattern: string, by: string): LinearReplacement {
  const { RE2JS } = loadEngine()
  const compiled = RE2JS.compile(pattern)
  return { size: compiled.programSize(), replace: (text) => compiled.matcher(text).replaceAll(by) }
}

/** Says what is wrong with a pattern that is looked for anywhere, or undefined where it can be used. */
export function findReplacementProblem(pattern: string): string | undefined {
  if (pattern === '' || pattern.length > MAX_PATTERN_CHARACTERS)
    return `expected 1 to ${MAX_PATTERN_CHARACTERS} characters`
  try {
    const { size, replace } = compileLinearReplacement(pattern, 'x')
    if (size > MAX_PATTERN_INSTRUCTIONS) return `is too large (${size} instructions when compiled)`
    return replace('') === '' ? undefined : 'matches the empty text'
  } catch (error) {
    return `is no RE2 pattern: ${error instanceof Error ? error.message : 'refused'}`
  }
}

function isAnchored(pattern: string): boolean {
  return pattern.startsWith('^') && /(?:^|[^\\])(?:\\\\)*\$$/.test(pattern)
}

/** Whether a `|` stands outside of every group and class. */
function hasOpenAlternative(pattern: string): boolean {
  let depth = 0
  let inClass = false
  for (let at = 0; at < pattern.length; at += 1) {
    const character = pattern[at]
    if (character === '\\') at += 1
    else if (inClass) inClass = character !== ']' || /\[\^?$/.test(pattern.slice(0, at))
    else if (character === '[') inClass = true
    else if (character === '(') depth += 1
    else if (character === ')') depth -= 1
    else if (character === '|' && depth === 0) return true
  }
  return false
}

type Engine = typeof import('re2js')
let engine: Engine | undefined

/** Loaded when the first pattern is: few policies have one, and a start waits for what is imported. */
function loadEngine(): Engine {
  engine ??= createRequire(import.meta.url)('re2js') as Engine
  return engine
}
