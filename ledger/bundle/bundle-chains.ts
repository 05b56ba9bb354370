// The chains of a bundle, whose events come interleaved in the order of the leaves: links, gaps, forks, and the signature of every
// append under the verifier's own keys. Does no I/O; memory grows with the chains and their gaps, not with the events.
import { type AppendSignature, appendSignatureHolds, ZERO_HASH } from '../../events/chain.ts'
import { ToolwardenError } from '../../events/errors.ts'
import { decodeSignature } from '../../events/record.ts'
import type { Trust } from '../../events/trust.ts'
import type { Findings, ViolationCode } from '../verify-report.ts'

/** The longest append whose signature is waited for, events. */
const MAX_UNSIGNED = 10_000
/** The most stretches of one chain between gaps. */
const MAX_STRETCHES = 10_000

/** An event as its chain sees it; a withheld one does not say what it links to. */
export interface ChainItem {
  readonly chain: string
  readonly sequence: number
  readonly hash: string
  readonly previous?: string
  /** Hex; empty where none is kept with it. */
  readonly signature: string
  /** Index of its leaf. */
  readonly leaf: number
}

/** Events of a chain without a gap between them. */
interface Stretch {
  readonly from: number
  to: number
  readonly firstPrevious: string | undefined
  lastHash: string
}

interface ChainState {
  readonly writer: string
  readonly instance: string
  readonly stretches: Stretch[]
  unsigned: ChainItem[]
  isUntrusted: boolean
}

/** What chains are judged with. */
export interface ChainsContext {
  /** Name of the ledger. */
  readonly log: string
  /** Undefined where the verifier named no writers: then no signature is checked, which is said once. */
  readonly trust: Trust | undefined
  readonly findings: Findings
  /** Whether a gap is one of the ledger, and not what was left out. */
  readonly isWhole: boolean
  /** From which leaf on a long-lived key does not count any more; undefined for one that was not revoked. */
  readonly revokedFrom: (key: string) => number | undefined
}

/** Fed with all events of a bundle, in order. */
export class BundleChains {
  readonly #context: ChainsContext
  readonly #chains = new Map<string, ChainState>()

  constructor(context: ChainsContext) {
    this.#context = context
  }

  feed(item: ChainItem): void {
    const state = this.#stateOf(item)
    this.#place(state, item)
    this.#sign(state, item)
  }

  end(): void {
    const { findings, isWhole } = this.#context
    for (const [chain, state] of this.#chains) {
      findings.counts.chains++
      this.#reportUnsigned(state.unsigned.splice(0))
      const [first, ...rest] = state.stretches
      if (!isWhole || first === undefined) continue
      if (first.from > 1) this.#gap(chain, 1, first.from - 1)
      for (const [at, { from }] of rest.entries()) this.#gap(chain, (state.stretches[at]?.to ?? 0) + 1, from - 1)
    }
  }

  #stateOf({ chain }: ChainItem): ChainState {
    const known = this.#chains.get(chain)
    if (known !== undefined) return known
    const split = chain.lastIndexOf('/')
    const made: ChainState = {
      writer: chain.slice(0, split),
      instance: chain.slice(split + 1),
      stretches: [],
      unsigned: [],
      isUntrusted: false,
    }
    this.#chains.set(chain, made)
    return made
  }

  #place({ stretches }: ChainState, item: ChainItem): void {
    const { sequence, previous, hash } = item
    if (sequence === 1 && previous !== undefined && previous !== ZERO_HASH)
      this.#report('link-broken', item, 'the first event of a run links to another')
    // Nearly always the last one: events come late seldom.
    const at = stretches.findLastIndex(({ from }) => from <= sequence)
    const before = stretches[at]
    const after = stretches[at + 1]
    if (before !== undefined && sequence <= before.to)
      return this.#report('fork', item, 'another event of this chain has the same sequence number')
    const isNext = before?.to === sequence - 1
    if (isNext && previous !== undefined && previous !== before.lastHash)
      this.#report('link-broken', item, `previous is not the hash of event ${sequence - 1}`)
    if (after?.from === sequence + 1 && after.firstPrevious !== undefined && after.firstPrevious !== hash)
      this.#report('link-broken', item, `event ${sequence + 1} does not link to it`)
    if (isNext) {
      before.to = sequence
      before.lastHash = hash
    } else if (stretches.length < MAX_STRETCHES)
      stretches.splice(at + 1, 0, { from: sequence, to: sequence, firstPrevious: previous, lastHash: hash })
    else return this.#report('bundle-invalid', item, `the chain has more than ${MAX_STRETCHES} gaps`)
    joinNext(stretches, isNext ? at : at + 1)
  }

  #sign(state: ChainState, item: ChainItem): void {
    const last = state.unsigned.at(-1)
    if (last !== undefined && item.sequence !== last.sequence + 1) this.#reportUnsigned(state.unsigned.splice(0))
    state.unsigned.push(item)
    if (item.signature === '') {
      if (state.unsigned.length > MAX_UNSIGNED) this.#reportUnsigned(state.unsigned.splice(0))
      return
    }
    const items = state.unsigned.splice(0)
    const signature = readSignature(item.signature)
    if (signature === undefined) return this.#report('signature-invalid', item, 'the signature can not be read')
    const covered = items.slice(-Math.max(1, signature.count))
    this.#reportUnsigned(items.slice(0, items.length - covered.length))
    this.#judgeAppend(state, covered, signature)
  }

  #judgeAppend(state: ChainState, covered: readonly ChainItem[], signature: AppendSignature): void {
    const { log, trust, findings, revokedFrom } = this.#context
    const last = covered.at(-1)
    if (trust === undefined || last === undefined) return
    findings.counts.appends++
    const { writer, instance } = state
    const voucher = trust.findVoucher({ log, writer, instance }, signature)
    if (voucher === undefined) {
      if (!state.isUntrusted) this.#report('key-untrusted', last, 'no trusted key vouches for the key of this run')
      state.isUntrusted = true
      return
    }
    const revoked = revokedFrom(voucher.key)
    if (revoked !== undefined && last.leaf > revoked)
      this.#report('key-revoked', last, 'the key that vouches for this run was revoked before')
    const hashes = covered.map(({ hash }) => hash)
    if (!appendSignatureHolds(voucher.runKey, hashes, signature))
      this.#report('signature-invalid', last, `the signature over ${signature.count} events does not hold`)
  }

  /** One violation for a whole run of events that no signature covers, at the one that should bear it. */
  #reportUnsigned(items: readonly ChainItem[]): void {
    const last = items.at(-1)
    if (last !== undefined)
      this.#report('signature-missing', last, `no signature covers ${items.length} events up to this one`)
  }

  #gap(chain: string, from: number, to: number): void {
    const text = `events ${from} to ${to} are not in the log`
    this.#context.findings.violation({ code: 'gap-open', chain, sequence: from, text })
  }

  #report(code: ViolationCode, { chain, sequence, hash, leaf }: ChainItem, text: string): void {
    this.#context.findings.violation({ code, chain, sequence, hash, position: `leaf ${leaf}`, text })
  }
}

/** Makes one stretch of two that have come to touch. */
function joinNext(stretches: Stretch[], at: number): void {
  const [here, next] = [stretches[at], stretches[at + 1]]
  if (here === undefined || next === undefined || next.from !== here.to + 1) return
  here.to = next.to
  here.lastHash = next.lastHash
  stretches.splice(at + 1, 1)
}

function readSignature(hex: string): AppendSignature | undefined {
  try {
    return decodeSignature(Buffer.from(hex, 'hex'))
  } catch (error) {
    if (error instanceof ToolwardenError) return undefined
    throw error
  }
}
