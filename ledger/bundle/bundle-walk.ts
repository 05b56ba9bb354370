// Walks the lines of a bundle once, in order: each event is hashed, read, linked, and put into the tree; what the bundle says of
// itself (its chains, its counts, that it is whole) is compared with what is in it. Does no I/O and never throws on bad lines.
import { hashBody } from '../../events/chain.ts'
import { ToolwardenError } from '../../events/errors.ts'
import type { PayloadField } from '../../events/field.ts'
import { attachmentHolds } from '../../events/payload.ts'
import type { Trust } from '../../events/trust.ts'
import type { Findings, ViolationCode } from '../verify-report.ts'
import { BundleChains } from './bundle-chains.ts'
import { type BundleEvent, payloadFieldOf, readBundleEvent } from './bundle-event.ts'
import { type BundleLine, type BundleManifest, type BundleTotals, parseLine } from './bundle-format.ts'
import { BundleRevocations } from './bundle-revocations.ts'
import { BundleTree } from './bundle-tree.ts'
import { ChainTally } from './chain-tally.ts'

/** What a walk starts from. */
export interface WalkOptions {
  readonly manifest: BundleManifest
  readonly findings: Findings
  readonly trust: Trust | undefined
  /** Sizes at which the root is needed. */
  readonly sizes: readonly number[]
}

type EventLine = Extract<BundleLine, { kind: 'event' }>

/** Fed with every line after the manifest. */
export class BundleWalk {
  readonly tree: BundleTree
  readonly tally = new ChainTally()
  readonly #options: WalkOptions
  readonly #chains: BundleChains
  readonly #revocations: BundleRevocations
  /** The event whose payload may follow. */
  #last:
    | { readonly hash: string; readonly chain: string; readonly sequence: number; field: PayloadField | undefined }
    | undefined
  #skipped = 0
  #statements = 0
  #lines = 1
  #payloads = 0
  #end: BundleTotals | undefined

  constructor(options: WalkOptions) {
    const { manifest, findings, trust, sizes } = options
    this.#options = options
    this.tree = new BundleTree(sizes)
    this.#revocations = new BundleRevocations(manifest.log, trust, manifest.whole)
    this.#chains = new BundleChains({
      log: manifest.log,
      trust,
      findings,
      isWhole: manifest.whole,
      revokedFrom: (key) => this.#revocations.revokedFrom(key),
    })
  }

  /** Lines read so far. */
  get lines(): number {
    return this.#lines
  }

  /** Whether its last line was read. */
  get isComplete(): boolean {
    return this.#end !== undefined
  }

  /** Whether every leaf is in it with its body. */
  get isWhole(): boolean {
    return this.isComplete && this.#skipped === 0 && this.tally.totals().withheld === 0
  }

  feed(bytes: Buffer): void {
    this.#lines++
    const line = parseLine(bytes)
    if (line === undefined) return this.#report('bundle-invalid', 'this is no line of a bundle')
    if (this.#end !== undefined) return this.#report('bundle-invalid', 'something follows the last line')
    switch (line.kind) {
      case 'event':
        return this.#event(line)
      case 'payload':
        return this.#payload(line.payload)
      case 'erased':
        return this.#erased(line.by)
      case 'withheld':
        return this.#withheld(line)
      case 'skipped':
        return this.#skip(line.count, line.hashes)
      case 'chain':
        return this.#statement(line)
      case 'end':
        return this.#finish(line)
    }
  }

  end(): void {
    this.#closePayload()
    const { findings, trust, manifest } = this.#options
    if (this.#end === undefined) return this.#report('bundle-truncated', 'its last line is not there')
    this.#chains.end()
    for (const hash of this.#revocations.unknownErasures())
      if (manifest.whole)
        findings.violation({
          code: 'payload-missing',
          chain: '',
          hash,
          text: 'no event says that payloads were erased',
        })
    const { events } = this.tally.totals()
    if (events === 0) this.#report('bundle-empty', 'there is no event in it')
    if (manifest.whole && !this.isWhole)
      this.#report('event-missing', `it says that it is whole, and does not show ${this.#skipped} leaves`)
    if (trust === undefined && events > 0)
      this.#report('writers-unknown', 'whose events these are was not checked: say --writers')
  }

  #event(line: EventLine): void {
    this.#closePayload()
    const leaf = this.tree.size
    const hash = hashBody(line.body)
    this.tree.leaf(Buffer.from(hash, 'hex'))
    const event = this.#read(line.body, hash)
    if (event === undefined) return
    const { chain, sequence, previous, log } = event
    if (hash !== line.hash) this.#report('hash-mismatch', 'the body does not have the hash beside it', event, hash)
    if (log !== this.#options.manifest.log)
      this.#report('body-invalid', `the event is meant for another ledger: ${log}`, event, hash)
    this.tally.count(chain, sequence, true)
    this.#revocations.feed(event, hash, leaf)
    this.#chains.feed({ chain, sequence, previous, hash, signature: line.signature, leaf })
    this.#last = { hash, chain, sequence, field: payloadFieldOf(event) }
  }

  #read(body: Buffer, hash: string): BundleEvent | undefined {
    try {
      return readBundleEvent(body)
    } catch (error) {
      if (!(error instanceof ToolwardenError)) throw error
      this.#report('body-invalid', error.message, undefined, hash)
      return undefined
    }
  }

  #withheld({ chain, sequence, hash, signature }: Extract<BundleLine, { kind: 'withheld' }>): void {
    this.#closePayload()
    const leaf = this.tree.size
    this.tree.leaf(Buffer.from(hash, 'hex'))
    this.tally.count(chain, sequence, false)
    this.#chains.feed({ chain, sequence, hash, signature, leaf })
  }

  #skip(count: number, hashes: readonly Buffer[]): void {
    this.#closePayload()
    this.#skipped += count
    if (!this.tree.skip(count, hashes)) this.#report('tree-damaged', `${count} skipped leaves have other subtrees`)
  }

  #payload(payload: Buffer): void {
    const last = this.#last
    if (last?.field === undefined) return this.#report('payload-mismatch', 'a payload of no event')
    this.#payloads++
    this.#options.findings.counts.payloads++
    if (!attachmentHolds(last.field, payload))
      this.#report('payload-mismatch', 'the payload is not the one that the event committed to', last, last.hash)
    last.field = undefined
  }

  #erased(by: string): void {
    const last = this.#last
    if (last?.field === undefined) return this.#report('payload-mismatch', 'an erased payload of no event')
    this.#options.findings.counts.erased++
    this.#revocations.erasedBy(by)
    last.field = undefined
  }

  /** A payload that the bundle should disclose and does not. */
  #closePayload(): void {
    const last = this.#last
    this.#last = undefined
    if (last?.field === undefined || !this.#options.manifest.payloads) return
    this.#report('payload-missing', 'the payload of this event is not there, and was not erased', last, last.hash)
  }

  #statement(line: Extract<BundleLine, { kind: 'chain' }>): void {
    this.#closePayload()
    this.#statements++
    const { kind: _kind, ...said } = line
    const found = this.tally.statementOf(line.chain)
    const isSame =
      found?.first === said.first &&
      found.last === said.last &&
      found.events === said.events &&
      found.withheld === said.withheld
    if (isSame) return
    const place = { chain: line.chain, sequence: said.first }
    if (found === undefined) return this.#report('event-missing', 'no event of this chain is in the bundle', place)
    const [shown, wanted] = [found.events + found.withheld, said.events + said.withheld]
    const text = `events ${found.first} to ${found.last}, ${shown} in all; the bundle says ${said.first} to ${said.last}, ${wanted}`
    this.#report(shown < wanted ? 'event-missing' : 'count-mismatch', text, place)
  }

  #finish({ kind: _kind, ...said }: Extract<BundleLine, { kind: 'end' }>): void {
    this.#closePayload()
    this.#end = said
    const { events, withheld, chains } = this.tally.totals()
    const { erased } = this.#options.findings.counts
    const found = { leaves: this.tree.size, events, withheld, payloads: this.#payloads, erased, chains }
    for (const name of ['leaves', 'events', 'withheld', 'payloads', 'erased', 'chains'] as const)
      if (found[name] !== said[name])
        this.#report(
          found[name] < said[name] ? 'event-missing' : 'count-mismatch',
          `it has ${found[name]} ${name}, and says ${said[name]}`,
        )
    if (this.#statements !== chains)
      this.#report('count-mismatch', `${this.#statements} statements for ${chains} chains`)
  }

  #report(
    code: ViolationCode,
    text: string,
    place?: { readonly chain: string; readonly sequence: number },
    hash?: string,
  ): void {
    const position = `line ${this.#lines}`
    const event = place === undefined ? { chain: '' } : { chain: place.chain, sequence: place.sequence }
    this.#options.findings.violation({ ...event, code, position, text, ...(hash === undefined ? {} : { hash }) })
  }
}
