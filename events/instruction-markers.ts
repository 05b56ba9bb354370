// Phrases in a result, or in a tool's description, that address an agent rather than a reader: what an injected
// instruction needs and ordinary content lacks. Several kinds, none of them one attack's wording; a hint, never a proof.
// The kinds that other languages have too are in instruction-markers-languages.ts.
// Every pattern is bounded, so that no text makes it slow.
import { countForeignMarkers, FOREIGN_KINDS } from './instruction-markers-languages.ts'

/** Counts what in a text addresses an agent: 0 is nothing, more than MAX_MARKERS counts as that. */
export type MarkerClassifier = (text: string) => number

/** The highest count. */
export const MAX_MARKERS = 99

/** How many phrases of an operator are looked for, and how long each may be. */
export const MAX_MARKER_PHRASES = 100
export const MAX_MARKER_PHRASE_LENGTH = 200

const GAP = String.raw`\s{1,12}`
/** A reader that can be nothing but a program. */
const MODEL = `(?:a\\.?i\\.?|llms?|language models?|(?:ai|virtual|automated|coding) (?:models?|assistants?|agents?|systems?)|chat ?bots?)`
/** The same, and words that may also stand for people. */
const MACHINE = `(?:${MODEL}|assistants?|agents?|copilots?)`
/** With the slips of whoever writes in haste, or not to be found. */
const TASK =
  '(?:tasks?|i[a-z]{0,2}n[a-z]?structions?|requests?|questions?|quer(?:y|ies)|objectives?|goals?|directives?|prompts?)'

/** Each kind by what it does to whoever reads it. */
const KINDS: readonly RegExp[] = [
  // It takes back what the reader was told.
  phrase(
    `(?:ignore|disregard|forget|override|bypass|discard) (?:(?:all|any|the|your|of|these|those|everything) ){0,3}(?:previous|prior|above|earlier|preceding|former|original|initial) ${TASK}`,
  ),
  phrase(`(?:system|developer)[ _-]?(?:prompts?|message|override|instructions?) ?[:>\\])}|*]`),
  phrase(
    `without (?:asking|requesting|waiting for)(?: for)? (?:[a-z']{1,12} ){0,2}(?:for )?(?:confirmation|permission|approval|consent)`,
  ),
  // It wants to be kept from the user.
  phrase(
    `(?:do not|don't|must not|should not|never|without) (?:tell|inform|notify|mention|alert|warn|telling|informing|notifying|mentioning|alerting|warning|ask|asking)\\b.{0,40}\\busers?`,
  ),
  // It speaks to a machine.
  phrase(
    `(?:dear|attention|hey|hello|hi|to|note to|message to|message for)[\\s,:]{1,8}(?:you[\\s,]{1,8})?(?:(?:the|all|any|an?) )?${MACHINE}(?=[,:!]|\\.\\s| (?:models?|developed|made|trained|reading|processing)\\b)`,
  ),
  phrase(`${MODEL}[^\\n.]{0,40}\\b(?:must|should|shall|need to|needs to|has to|have to|(?:is|are) required)`),
  phrase(`if you are (?:an? |the )?${MACHINE}|you are (?:now )?an? ${MODEL}`),
  // It speaks of the task that the reader has from somebody else.
  phrase(`${TASK} (?:that |which )?(?:i|we|the user|your user) (?:gave|have given|has given|asked|assigned)`),
  phrase(
    `before (?:you )?(?:can |may )?(?:continu|proceed|solv|complet|answer|finish|respond|start|begin|do|execut|perform)[a-z]{0,4} (?:with |on |to )?(?:the|your|this|any|that|my) (?:[a-z]{1,16} )?(?:${TASK}|users?)`,
  ),
  phrase(
    `(?:after|once) (?:you(?:'ve| have)? (?:do|did|done|finish|finished|complete|completed)|doing|completing|finishing) (?:that|this|it|so)\\b.{0,40}\\b(?:continue|resume|return|go back|proceed|${TASK})`,
  ),
  phrase(`new ${TASK} (?:for|to) (?:you|${MACHINE})`),
  phrase(
    `(?:use|call|invoke|run) the (?:tool|function) [^\\n]{1,60}with (?:the )?(?:following )?(?:arguments|parameters)`,
  ),
  // It plays the markup of a conversation.
  /<\/?(?:system|assistant|instructions?|important|tool_call|im_start)>|<\|(?:im_start|system|assistant)\b|\[\/?INST\]/gi,
  // It is written in characters that nobody sees.
  /(?:\udb40[\udc20-\udc7f]){8,64}/g,
]

/** What stands around a phrase that addresses an agent: where it says what the agent is to do. Characters. */
const BEFORE_PHRASE = 100
const AFTER_PHRASE = 300
/** The most of a text that stands around such phrases, characters. */
const MAX_PASSAGE = 8_000

/** The passages of a text that address an agent rather than a reader; '' where none does. */
export function addressingPassage(text: string): string {
  const plain = readable(text)
  const places = [...KINDS, ...FOREIGN_KINDS].flatMap((kind) => Array.from(plain.matchAll(kind), ({ index }) => index))
  let end = 0
  let passage = ''
  for (const place of places.toSorted((left, right) => left - right)) {
    const from = Math.max(end, place - BEFORE_PHRASE)
    end = Math.max(end, place + AFTER_PHRASE)
    passage += `${plain.slice(from, end)}`
    if (passage.length > MAX_PASSAGE) break
  }
  return passage.slice(0, MAX_PASSAGE)
}

/** How many phrases of a text address an agent rather than a reader. */
export function countMarkers(text: string): number {
  const plain = readable(text)
  const found = KINDS.reduce((sum, kind) => sum + Array.from(plain.matchAll(kind)).length, 0)
  return Math.min(MAX_MARKERS, found + countForeignMarkers(plain))
}

/** The classifier that also counts an operator's own phrases, in whatever case. */
export function markersWith(phrases: readonly string[]): MarkerClassifier {
  if (phrases.length === 0) return countMarkers
  const own = phrases.map((each) => readable(each).toLowerCase())
  return (text) => {
    const plain = readable(text).toLowerCase()
    return Math.min(MAX_MARKERS, countMarkers(text) + own.filter((each) => plain.includes(each)).length)
  }
}

const INVISIBLE = /[\u00ad\u200b-\u200f\u2060\ufeff]/g
const NOT_ASCII = /[^\0-\x7f]/
/** As a reader sees it: one form of each letter, nothing invisible, and no line's end or letter spelled out by an encoder. */
function readable(text: string): string {
  const written = text.includes('\\') ? unescaped(text) : text
  return NOT_ASCII.test(written) ? written.normalize('NFKC').replace(INVISIBLE, '').replace(/’/g, "'") : written
}

function unescaped(text: string): string {
  const lines = text.replace(/\\{1,8}[nrt]/g, ' \n')
  return lines.replace(/\\{1,8}(?:u([0-9a-f]{4})|x([0-9a-f]{2}))/gi, (_, four?: string, two?: string) => {
    return String.fromCharCode(Number.parseInt(four ?? two ?? '', 16))
  })
}

/** A space of a pattern stands for any run of white space. */
function phrase(pattern: string): RegExp {
  return new RegExp(`(?<![a-z0-9])(?:${pattern.replace(/ (?!\?)/g, GAP)})(?![a-z0-9_])`, 'gi')
}
