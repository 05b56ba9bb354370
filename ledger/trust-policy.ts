// Whom a verifier trusts (C2SP tlog-policy): logs, witnesses, groups of them, and the quorum that a checkpoint needs. Pure, so
// that the verifier of a bundle uses it too. Keys and quorum come from such a file alone, never from what is verified.
import { ToolwardenError } from '../events/errors.ts'
import { parseCheckpoint, type VerifiedCheckpoint } from './checkpoint.ts'
import {
  LOG_SIGNATURE,
  parseNote,
  parseVerifierKey,
  type VerifiedSignature,
  type VerifierKey,
  verifyNote,
  WITNESS_SIGNATURE,
} from './note.ts'

/** The largest policy that is read, bytes. */
const MAX_POLICY_BYTES = 256 * 1024
/** The most logs, witnesses and groups, each (the specification asks for 32 at least). */
const MAX_DEFINITIONS = 256
/** How far ahead of ours the clock of a witness may be, for its word to count as fresh. */
const MAX_AHEAD_SECONDS = 300
const RESERVED_NAMES: readonly string[] = ['none', 'any', 'all']

/** A log or witness and, where it was given, how to reach it. */
export interface PolicyParty {
  /** What a witness is called within the policy; a log by its origin. */
  readonly name: string
  readonly key: VerifierKey
  readonly url?: string
}

/** What a checkpoint needs beside the signature of its log. */
export type Quorum =
  | { readonly kind: 'none' }
  | { readonly kind: 'witness'; readonly name: string; readonly key: VerifierKey }
  | {
      readonly kind: 'group'
      readonly name: string
      readonly threshold: number
      readonly members: readonly Exclude<Quorum, { kind: 'none' }>[]
    }

/** A policy that was read without an error. */
export interface TrustPolicy {
  readonly logs: readonly PolicyParty[]
  readonly witnesses: readonly PolicyParty[]
  readonly quorum: Quorum
}

/** A checkpoint of a log of the policy, and what of the quorum it has. */
export interface JudgedCheckpoint extends VerifiedCheckpoint {
  /** The key of the log that signed it. */
  readonly logKey: VerifierKey
  /** The policy's witnesses that cosigned, and when. */
  readonly cosigned: readonly { readonly name: string; readonly timestampSeconds: number }[]
  /** Whether the quorum is met; a policy with `quorum none` asks for nothing. */
  readonly quorum: 'none' | 'met' | 'unmet'
  /** What is missing, for people; undefined unless it is unmet. */
  readonly missing: string | undefined
}

type Member = Exclude<Quorum, { kind: 'none' }>

/** Reads a policy file. Throws TRUST_INVALID naming file and line. */
export function parseTrustPolicy(bytes: Uint8Array, where: string): TrustPolicy {
  if (bytes.byteLength > MAX_POLICY_BYTES) throw invalid(where, `a policy has at most ${MAX_POLICY_BYTES} bytes`)
  const reading = new PolicyReading(where)
  // Octets beyond ASCII are opaque: one character each, so that no two spellings ever become one name.
  const lines = Buffer.from(bytes).toString('latin1').split('\n')
  if (lines.pop() !== '') throw invalid(`${where}:${lines.length + 1}`, 'the last line does not end with a newline')
  for (const [at, line] of lines.entries()) reading.line(line, at + 1)
  return reading.finish()
}

/** Whether witnesses make up a quorum. */
function isQuorumMet(quorum: Quorum, cosigned: ReadonlySet<string>): boolean {
  switch (quorum.kind) {
    case 'none':
      return true
    case 'witness':
      return cosigned.has(quorum.name)
    case 'group':
      return quorum.members.filter((member) => isQuorumMet(member, cosigned)).length >= quorum.threshold
  }
}

/** Judges a checkpoint. Throws CHECKPOINT_INVALID unless a log of the policy signed it and every known signature holds. */
export function judgeCheckpoint(note: string, policy: TrustPolicy): JudgedCheckpoint {
  const parsed = parseNote(note)
  const checkpoint = parseCheckpoint(parsed.text)
  const logKeys = policy.logs.map(({ key }) => key).filter(({ name }) => name === checkpoint.origin)
  if (logKeys.length === 0) throw distrusted(`the policy names no log ${checkpoint.origin}`)
  const signatures = verifyNote(parsed, [...logKeys, ...policy.witnesses.map(({ key }) => key)])
  const logKey = signatures.find(({ key }) => logKeys.includes(key))?.key
  if (logKey === undefined) throw distrusted(`the log ${checkpoint.origin} did not sign it`)
  const cosigned = policy.witnesses.flatMap(({ name, key }) => cosignature(name, key, signatures))
  const missing = findMissing(policy.quorum, new Set(cosigned.map(({ name }) => name)))
  const quorum = policy.quorum.kind === 'none' ? 'none' : missing === undefined ? 'met' : 'unmet'
  return { ...checkpoint, note, signatures, logKey, cosigned, quorum, missing }
}

/**
 * The latest time (seconds since 1970) at which the quorum stood behind a checkpoint: for each time, those count that signed
 * then or later. Undefined where it is not met, or there is none: then nobody but the log says how old it is.
 */
export function quorumTimeOf(
  { cosigned }: JudgedCheckpoint,
  { quorum }: TrustPolicy,
  nowSeconds: number,
): number | undefined {
  if (quorum.kind === 'none') return undefined
  const credible = cosigned.filter(({ timestampSeconds }) => timestampSeconds <= nowSeconds + MAX_AHEAD_SECONDS)
  const times = credible.map(({ timestampSeconds }) => timestampSeconds).toSorted((a, b) => b - a)
  return times.find((time) => {
    const later = credible.filter(({ timestampSeconds }) => timestampSeconds >= time)
    return isQuorumMet(quorum, new Set(later.map(({ name }) => name)))
  })
}

function cosignature(
  name: string,
  key: VerifierKey,
  signatures: readonly VerifiedSignature[],
): JudgedCheckpoint['cosigned'] {
  const timestampSeconds = signatures.find((signature) => signature.key === key)?.timestampSeconds
  return timestampSeconds === undefined ? [] : [{ name, timestampSeconds }]
}

function findMissing(quorum: Quorum, cosigned: ReadonlySet<string>): string | undefined {
  if (isQuorumMet(quorum, cosigned)) return undefined
  switch (quorum.kind) {
    case 'none':
      return undefined
    case 'witness':
      return `the witness ${quorum.name} has not cosigned`
    case 'group': {
      const { name, members, threshold } = quorum
      const lacking = members.filter((member) => !isQuorumMet(member, cosigned))
      return `${members.length - lacking.length} of ${threshold} needed in ${name}, without ${lacking.map((each) => each.name).join(', ')}`
    }
  }
}

/** One policy while its lines come in. */
class PolicyReading {
  readonly #where: string
  readonly #logs: PolicyParty[] = []
  readonly #witnesses: PolicyParty[] = []
  readonly #names = new Map<string, Member>()
  /** Those that are in a group already: each counts in one way only. */
  readonly #used = new Set<string>()
  #quorum: Quorum | undefined
  #place: string

  constructor(where: string) {
    this.#where = where
    this.#place = where
  }

  line(line: string, number: number): void {
    this.#place = `${this.#where}:${number}`
    // biome-ignore lint/suspicious/noControlCharactersInRegex: these are what the specification forbids.
    if (/[\x00-\x08\x0b-\x1f\x7f]/.test(line))
      throw this.#invalid('only tab and newline are allowed of all control characters')
    const items = line.split(/[ \t]+/).filter((item) => item !== '')
    const [keyword = '#', ...rest] = items
    if (keyword.startsWith('#')) return
    switch (keyword) {
      case 'log':
        return this.#log(rest)
      case 'witness':
        return this.#witness(rest)
      case 'group':
        return this.#group(rest)
      case 'quorum':
        return this.#setQuorum(rest)
      default:
        throw this.#invalid(`"${readable(keyword)}" is none of log, witness, group and quorum`)
    }
  }

  finish(): TrustPolicy {
    this.#place = this.#where
    if (this.#quorum === undefined) throw this.#invalid('there is no quorum line; `quorum none` asks for no witness')
    return { logs: this.#logs, witnesses: this.#witnesses, quorum: this.#quorum }
  }

  #log(items: readonly string[]): void {
    const [vkey, url, ...more] = items
    if (vkey === undefined || more.length > 0) throw this.#invalid('expected: log <vkey> [<url>]')
    const key = this.#key(vkey, LOG_SIGNATURE, this.#logs)
    this.#logs.push({ name: key.name, key, ...(url === undefined ? {} : { url: readable(url) }) })
  }

  #witness(items: readonly string[]): void {
    const [name, vkey, url, ...more] = items
    if (name === undefined || vkey === undefined || more.length > 0)
      throw this.#invalid('expected: witness <name> <vkey> [<url>]')
    const key = this.#key(vkey, WITNESS_SIGNATURE, this.#witnesses)
    const shown = this.#define(name, (text) => ({ kind: 'witness', name: text, key }))
    this.#witnesses.push({ name: shown, key, ...(url === undefined ? {} : { url: readable(url) }) })
  }

  #group(items: readonly string[]): void {
    const [name, how, ...names] = items
    if (name === undefined || how === undefined || names.length === 0)
      throw this.#invalid('expected: group <name> all|any|<number> <member> …')
    const threshold = how === 'all' ? names.length : how === 'any' ? 1 : /^[1-9]\d*$/.test(how) ? Number(how) : 0
    if (threshold < 1 || threshold > names.length)
      throw this.#invalid(`a threshold is all, any, or a number from 1 to ${names.length}, not "${readable(how)}"`)
    const members = names.map((each) => this.#member(each))
    this.#define(name, (text) => ({ kind: 'group', name: text, threshold, members }))
  }

  #member(name: string): Member {
    const member = this.#names.get(name)
    if (member === undefined) throw this.#invalid(`"${readable(name)}" is not defined on a line before this one`)
    if (this.#used.has(name)) throw this.#invalid(`"${readable(name)}" is a member already: each may be one once`)
    this.#used.add(name)
    return member
  }

  #setQuorum(items: readonly string[]): void {
    const [name, ...more] = items
    if (name === undefined || more.length > 0) throw this.#invalid('expected: quorum <name>, or quorum none')
    if (this.#quorum !== undefined) throw this.#invalid('there is a quorum line already')
    const quorum = name === 'none' ? ({ kind: 'none' } as const) : this.#names.get(name)
    if (quorum === undefined) throw this.#invalid(`"${readable(name)}" is not defined on a line before this one`)
    this.#quorum = quorum
  }

  #define(name: string, make: (text: string) => Member): string {
    if (RESERVED_NAMES.includes(name)) throw this.#invalid(`"${name}" can't be a name here`)
    if (this.#names.has(name)) throw this.#invalid(`"${readable(name)}" is defined already`)
    if (this.#names.size >= 2 * MAX_DEFINITIONS) throw this.#invalid('too many witnesses and groups')
    const text = readable(name)
    this.#names.set(name, make(text))
    return text
  }

  #key(vkey: string, type: VerifierKey['type'], others: readonly PolicyParty[]): VerifierKey {
    const key = this.#parseKey(readable(vkey))
    const what = type === LOG_SIGNATURE ? 'a log' : 'a witness'
    if (key.type !== type)
      throw this.#invalid(`${what} has a key of type 0x0${type} here, not 0x0${key.type}: ${key.name}`)
    if (others.some((other) => other.key.publicKey.equals(key.publicKey)))
      throw this.#invalid(`${what} with the public key of ${key.name} is listed already`)
    if (others.length >= MAX_DEFINITIONS) throw this.#invalid(`more than ${MAX_DEFINITIONS} of one kind`)
    return key
  }

  #parseKey(vkey: string): VerifierKey {
    try {
      return parseVerifierKey(vkey)
    } catch (error) {
      if (!(error instanceof ToolwardenError)) throw error
      throw this.#invalid(error.message, error)
    }
  }

  #invalid(message: string, cause?: unknown): ToolwardenError {
    return invalid(this.#place, message, cause)
  }
}

/** Opaque octets as people read them. */
function readable(octets: string): string {
  return Buffer.from(octets, 'latin1').toString('utf8')
}

function invalid(where: string, message: string, cause?: unknown): ToolwardenError {
  const fix = 'mend the policy file; docs/witness.md shows one'
  return new ToolwardenError('TRUST_INVALID', message, { where, fix, ...(cause === undefined ? {} : { cause }) })
}

function distrusted(reason: string): ToolwardenError {
  return new ToolwardenError('CHECKPOINT_INVALID', `not a checkpoint that can be trusted: ${reason}`)
}
