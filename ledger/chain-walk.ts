// Walks the rows of the chains in order, one after the other: hashes, columns, links, gaps, forks, signatures, calls.
// Does no I/O: what needs the store to be judged is collected in `pending`, and the caller takes it out.
import { type AppendSignature, appendSignatureHolds, type ChainHead, EMPTY_CHAIN } from '../events/chain.ts'
import { ToolwardenError } from '../events/errors.ts'
import type { Event } from '../events/event.ts'
import { decodeSignature } from '../events/record.ts'
import type { Trust } from '../events/trust.ts'
import { CallPairing, type ForeignReceipt, type PendingCall } from './call-pairing.ts'
import type { Revocations, RevokedRun } from './revocations.ts'
import type { EventRow } from './store.ts'
import { checkRow, positionText } from './stored-event.ts'
import type { Findings, ViolationCode } from './verify-report.ts'

/** The longest append whose signature is waited for, events. */
const MAX_UNSIGNED = 10_000

/** An event that was found intact, with its row. */
export interface IntactEvent {
  readonly row: EventRow
  readonly chain: string
  readonly event: Event
}

/** What only the store can tell: filled by the walk, emptied by its caller. */
export interface PendingChecks {
  /** Events with payload, signals, or a statement to compare with other tables. */
  events: IntactEvent[]
  /** `previous`: what the event behind the gap says of the one before it. */
  gaps: { readonly chain: string; readonly from: number; readonly to: number; readonly previous: string }[]
  /** Repetitions of what is not stored. */
  orphans: EventRow[]
  receipts: (ForeignReceipt & { readonly source: IntactEvent })[]
  openCalls: { readonly chain: string; readonly pending: PendingCall }[]
  /** Each once. */
  revokedRuns: RevokedRun[]
}

interface ChainState {
  readonly chain: string
  readonly writer: string
  readonly instance: string
  readonly pairing: CallPairing
  head: ChainHead
  /** Events since the last signature, without a gap between them. */
  unsigned: EventRow[]
  /** True while `unsigned` begins beside a gap. */
  isCut: boolean
  isUntrusted: boolean
  isRevoked: boolean
}

/** What the walk is judged with. */
export interface WalkContext {
  readonly log: string
  readonly trust: Trust
  readonly findings: Findings
  readonly revocations: Revocations
}

/** Fed with rows ordered by chain, sequence and hash. */
export class ChainWalk {
  readonly #context: WalkContext
  readonly pending: PendingChecks = { events: [], gaps: [], orphans: [], receipts: [], openCalls: [], revokedRuns: [] }
  #state: ChainState | undefined
  /** Rows of one chain and sequence number; judged when the next one begins. */
  #group: EventRow[] = []

  constructor(context: WalkContext) {
    this.#context = context
  }

  feed(row: EventRow): void {
    const last = this.#group.at(-1)
    const isNewChain = last?.writer !== row.writer || last.instance !== row.instance
    if (isNewChain || last.sequence !== row.sequence) this.#endGroup()
    if (isNewChain) {
      this.#endChain()
      this.#beginChain(row)
    }
    // A row that an insert in doubt or a second consumer repeated is the same evidence once more.
    const isRepeated = this.#group.some(({ hash, outcome }) => hash === row.hash && outcome === row.outcome)
    if (!isRepeated || row.outcome === 'duplicate') this.#group.push(row)
    // A million repetitions of one row must not be held.
    if (this.#group.length > MAX_UNSIGNED) this.#group = this.#group.filter(({ outcome }) => outcome !== 'duplicate')
  }

  end(): void {
    this.#endGroup()
    this.#endChain()
  }

  #beginChain({ writer, instance }: EventRow): void {
    const chain = `${writer}/${instance}`
    this.#context.findings.counts.chains++
    this.#state = {
      chain,
      writer,
      instance,
      pairing: new CallPairing(),
      head: EMPTY_CHAIN,
      unsigned: [],
      isCut: false,
      isUntrusted: false,
      isRevoked: false,
    }
  }

  #endChain(): void {
    const state = this.#state
    if (state === undefined) return
    this.#reportUnsigned(state, state.unsigned.splice(0))
    for (const pending of state.pairing.open) this.pending.openCalls.push({ chain: state.chain, pending })
    this.#state = undefined
  }

  #endGroup(): void {
    const rows = this.#group
    const state = this.#state
    this.#group = []
    if (state === undefined) return
    const believed = rows.filter(({ outcome }) => outcome === 'accepted' || outcome === 'late')
    this.#judgeOthers(rows, believed)
    const follower = believed.find(({ previous }) => previous === state.head.hash) ?? believed[0]
    for (const row of believed)
      if (row !== follower && row.hash !== follower?.hash)
        this.#report('fork', row, 'another event of this chain has the same sequence number')
    if (follower !== undefined) this.#judgeEvent(state, follower)
  }

  #judgeOthers(rows: readonly EventRow[], believed: readonly EventRow[]): void {
    const { counts } = this.#context.findings
    const hashes = new Set(rows.filter(({ outcome }) => outcome !== 'duplicate').map(({ hash }) => hash))
    for (const row of rows) {
      if (row.outcome === 'duplicate') {
        counts.duplicates++
        if (!hashes.has(row.hash)) this.pending.orphans.push(row)
      } else if (row.outcome === 'fork') {
        counts.forks++
        this.#report('fork', row, row.reason === '' ? 'the ledger called it a fork' : row.reason)
      } else if (!believed.includes(row)) {
        this.#report('column-mismatch', row, `the outcome ${row.outcome} has no place in a chain`)
      }
    }
  }

  #judgeEvent(state: ChainState, row: EventRow): void {
    const { counts } = this.#context.findings
    counts.events++
    if (row.outcome === 'late') counts.late++
    const checked = checkRow(row)
    if (!checked.isIntact) this.#report(checked.code, row, checked.text)
    this.#judgeLink(state, row, checked.event !== undefined)
    this.#judgeSignature(state, row)
    const { event } = checked
    if (event === undefined) return state.pairing.damage(row.call)
    if (event.log !== this.#context.log)
      this.#report('body-invalid', row, `the event is meant for another ledger: ${event.log}`)
    this.#judgeCall(state, { row, chain: state.chain, event })
  }

  #judgeLink(state: ChainState, row: EventRow, isIntact: boolean): void {
    const { head, chain } = state
    if (row.sequence > head.sequence + 1) {
      this.pending.gaps.push({ chain, from: head.sequence + 1, to: row.sequence - 1, previous: row.previous })
      this.#context.findings.counts.unverifiable += state.unsigned.length
      state.unsigned = []
      state.isCut = true
      state.pairing.gap(row.sequence)
    } else if (isIntact && row.previous !== head.hash) {
      this.#report('link-broken', row, `previous is not the hash of event ${head.sequence}`)
    }
    state.head = { sequence: row.sequence, hash: row.hash }
  }

  #judgeSignature(state: ChainState, row: EventRow): void {
    state.unsigned.push(row)
    if (row.signature === '') {
      if (state.unsigned.length > MAX_UNSIGNED) this.#reportUnsigned(state, state.unsigned.splice(0))
      return
    }
    const rows = state.unsigned.splice(0)
    const signature = readSignature(row)
    if (signature === undefined)
      return this.#report('signature-invalid', row, 'what stands as signature can not be read')
    const covered = rows.slice(-Math.max(1, signature.count))
    if (signature.count > rows.length && state.isCut) this.#context.findings.counts.unverifiable += rows.length
    else {
      this.#reportUnsigned(state, rows.slice(0, rows.length - covered.length))
      this.#judgeAppend(state, covered, signature)
    }
    state.isCut = false
  }

  #judgeAppend(state: ChainState, rows: readonly EventRow[], signature: AppendSignature): void {
    const { log, trust, findings, revocations } = this.#context
    const { writer, instance } = state
    const last = rows.at(-1)
    if (last === undefined) return
    findings.counts.appends++
    const voucher = trust.findVoucher({ log, writer, instance }, signature)
    if (voucher === undefined) {
      if (!state.isUntrusted) this.#report('key-untrusted', last, 'no trusted key vouches for the key of this run')
      state.isUntrusted = true
      return
    }
    if (revocations.has(voucher.key) && !state.isRevoked) {
      state.isRevoked = true
      this.pending.revokedRuns.push({ writer, instance, key: voucher.key })
    }
    const hashes = rows.map(({ hash }) => hash)
    if (!appendSignatureHolds(voucher.runKey, hashes, signature))
      this.#report('signature-invalid', last, `the signature over ${signature.count} events does not hold`)
  }

  /** Events that no signature covers: one violation for the whole run of them, at the one that should bear it. */
  #reportUnsigned(state: ChainState, rows: readonly EventRow[]): void {
    const last = rows.at(-1)
    if (last === undefined) return
    if (state.isCut) this.#context.findings.counts.unverifiable += rows.length
    else this.#report('signature-missing', last, `no signature covers ${rows.length} events up to this one`)
  }

  #judgeCall(state: ChainState, intact: IntactEvent): void {
    const { event, row } = intact
    if (event.type === 'authorization/propose') this.#context.findings.counts.calls++
    const found = state.pairing.feed(event, row.hash)
    if (found !== undefined && 'code' in found) this.#report(found.code, row, found.text)
    else if (found !== undefined) this.pending.receipts.push({ source: intact, ...found })
    if (needsStore(event)) this.pending.events.push(intact)
  }

  #report(code: ViolationCode, row: EventRow, text: string): void {
    const { writer, instance, sequence, hash } = row
    const position = positionText(row)
    this.#context.findings.violation({ code, chain: `${writer}/${instance}`, sequence, hash, position, text })
  }
}

function needsStore(event: Event): boolean {
  switch (event.type) {
    case 'authorization/propose':
    case 'authorization/receipt':
    case 'ledger/ingested':
    case 'ledger/quarantined':
    case 'ledger/repaired':
      return true
    case 'authorization/decide':
      return event.verdict !== undefined
    default:
      return false
  }
}

function readSignature(row: EventRow): AppendSignature | undefined {
  try {
    return decodeSignature(Buffer.from(row.signature, 'hex'))
  } catch (error) {
    if (error instanceof ToolwardenError) return undefined
    throw error
  }
}
