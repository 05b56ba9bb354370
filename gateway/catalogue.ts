// The tools of all servers that one gateway process stands before, as one client sees them together: a tool named as, or
// almost as, another server's, and a description that names another server's tool, are shadowing. Only noticed here.
import type { EventOf } from '../events/event.ts'
import { findLikeness, foldName } from '../events/name-likeness.ts'

/** One case, the newcomer first. */
export type Shadowing = NonNullable<EventOf<'tools/listed'>['shadowing']>[number]

/** A tool as it is taken. */
export interface CataloguedTool {
  readonly tool: string
  readonly text: string
  /** True where it was pinned before this run: then a newer tool shadows it, not it the newer one. */
  readonly isKnown: boolean
}

interface Entry {
  readonly name: string
  readonly folded: string
  readonly isKnown: boolean
  /** Names that stand in its texts. */
  readonly words: ReadonlySet<string>
}

/** The most tools of one server that are compared. */
const MAX_COMPARED = 2_000
/** The most letters of one listing that are compared, each name with each other one; beyond, only equal names are found. */
const MAX_LETTERS = 16_000_000
/** The most names of one tool's texts. */
const MAX_WORDS = 500
/** The most bytes of cases of one listing. */
const MAX_CASES_BYTES = 16 * 1024
/** Prose holds words like "search": only what looks like a name of a program counts. */
const NAME_WORD = /[A-Za-z0-9](?:[A-Za-z0-9_./-]{3,126})[A-Za-z0-9]/g
const NAME_LIKE = /[_./-]|[a-z][A-Z]|\d/

/** State of one gateway process. */
export class Catalogue {
  readonly #servers = new Map<string, Map<string, Entry>>()

  /** Takes what a server listed; every case in which it, or what it names, meets another server's tool. */
  take(server: string, tools: readonly CataloguedTool[]): readonly Shadowing[] {
    const own = this.#servers.get(server) ?? new Map<string, Entry>()
    this.#servers.set(server, own)
    const listed = tools.flatMap((tool) => this.#keep(own, tool))
    const others = Array.from(this.#servers).filter(([name]) => name !== server)
    const mine = { server, entries: own }
    return cut(casesOf(listed, mine, others))
  }

  #keep(own: Map<string, Entry>, { tool, text, isKnown }: CataloguedTool): readonly Entry[] {
    if (own.size >= MAX_COMPARED && !own.has(tool)) return []
    const entry = { name: tool, folded: foldName(tool), isKnown, words: wordsOf(text) }
    own.set(tool, entry)
    return [entry]
  }
}

interface Side {
  readonly server: string
  readonly entries: ReadonlyMap<string, Entry>
}

/** One after the other, so that two servers of thousands of tools alike cost no more than the cases that are kept. */
function* casesOf(
  listed: readonly Entry[],
  own: Side,
  others: readonly (readonly [string, ReadonlyMap<string, Entry>])[],
): Generator<Shadowing> {
  let lettersLeft = MAX_LETTERS
  for (const [server, entries] of others)
    for (const entry of listed) {
      const other = { server, entries }
      lettersLeft -= entries.size * entry.folded.length
      if (lettersLeft >= 0) {
        yield* compare(entry, own, other)
        yield* namedBy(entry, own, other)
      } else yield* sameName(entry, own, other)
      yield* naming(entry, own, other)
    }
}

function* compare(entry: Entry, own: Side, other: Side): Generator<Shadowing> {
  for (const theirs of other.entries.values()) {
    const how = findLikeness(entry, theirs)
    if (how !== undefined) yield orderedCase([own, entry], [other, theirs], how)
  }
}

/** What is found without comparing with each. */
function* sameName(entry: Entry, own: Side, other: Side): Generator<Shadowing> {
  const theirs = other.entries.get(entry.name)
  if (theirs !== undefined) yield orderedCase([own, entry], [other, theirs], 'same_name')
}

function orderedCase(own: readonly [Side, Entry], other: readonly [Side, Entry], how: Shadowing['how']): Shadowing {
  return !own[1].isKnown || other[1].isKnown ? toCase(own, other, how) : toCase(other, own, how)
}

/** Descriptions of the other server that name the tool. */
function* namedBy(entry: Entry, own: Side, other: Side): Generator<Shadowing> {
  if (!NAME_LIKE.test(entry.name) || other.entries.has(entry.name)) return
  for (const theirs of other.entries.values())
    if (theirs.words.has(entry.name)) yield toCase([other, theirs], [own, entry], 'names_it')
}

/** Tools of the other server that the tool's description names. */
function* naming(entry: Entry, own: Side, other: Side): Generator<Shadowing> {
  for (const word of entry.words) {
    const theirs = own.entries.has(word) ? undefined : other.entries.get(word)
    if (theirs !== undefined) yield toCase([own, entry], [other, theirs], 'names_it')
  }
}

function toCase(
  [{ server }, { name: tool }]: readonly [Side, Entry],
  [{ server: otherServer }, { name: otherTool }]: readonly [Side, Entry],
  how: Shadowing['how'],
): Shadowing {
  return { server, tool, otherServer, otherTool, how }
}

function wordsOf(text: string): ReadonlySet<string> {
  const words = new Set<string>()
  for (const [word] of text.matchAll(NAME_WORD)) {
    if (words.size >= MAX_WORDS) break
    if (NAME_LIKE.test(word)) words.add(word)
  }
  return words
}

/** Within what an event holds; that there are some is said in any case. */
function cut(cases: Iterable<Shadowing>): readonly Shadowing[] {
  const kept: Shadowing[] = []
  let left = MAX_CASES_BYTES
  for (const each of cases) {
    left -= Buffer.byteLength(JSON.stringify(each))
    if (left <= 0) break
    kept.push(each)
  }
  return kept
}
