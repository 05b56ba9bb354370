// Writes a bundle: the leaves of the Merkle log from left to right, each as what its reader may see of it. Line by line, so that
// a bundle of any size is made in bounded memory. Nothing is believed that the tiles don't prove: a body is that of its leaf.
import { ToolwardenError } from '../../events/errors.ts'
import { type EventFilter, LedgerHistory } from '../query.ts'
import type { LedgerStore } from '../store.ts'
import { TILE_WIDTH } from '../tiles.ts'
import { TreeReader } from '../tree-reader.ts'
import { BUNDLE_FORMAT, type BundleManifest, eventLine, jsonLine } from './bundle-format.ts'
import { type BundleLeaf, PAGE_LEAVES, readLeaves, type Selection, selectLeaves } from './bundle-leaves.ts'
import { coveringSubtrees } from './bundle-tree.ts'
import { ChainTally } from './chain-tally.ts'

/** What to export. */
export interface BundleRequest {
  readonly filter: EventFilter
  readonly payloads: boolean
  /** Sizes of checkpoints that its reader kept: the bundle then shows what is needed to compare them. */
  readonly keptSizes: readonly number[]
  readonly exportedAt: string
  readonly by: string
}

/** A bundle that was begun. */
export interface BundleExport {
  /** How many events are in it with their bodies. */
  readonly events: number
  /** In words, for the record. */
  readonly what: string
  readonly leaves: number
  /** Read to its end once. */
  readonly lines: AsyncGenerator<string>
}

/** Where a ledger is read from. */
export interface BundleSource {
  readonly store: LedgerStore
  /** Name of the ledger. */
  readonly log: string
  /** The Merkle log's files. */
  readonly directory: string
}

/** Begins a bundle. Throws NOT_FOUND without a Merkle log; its lines throw TREE_INVALID and STORE_*. */
export async function writeBundle(source: BundleSource, request: BundleRequest): Promise<BundleExport> {
  const reader = new TreeReader(source.directory)
  const published = await reader.checkpoint()
  if (published === undefined)
    throw new ToolwardenError('NOT_FOUND', 'there is no Merkle log to export from', {
      where: source.directory,
      fix: 'run `toolwarden up` first; it makes the log',
    })
  const witnessed = await reader.witnessed()
  const selection = await selectLeaves(source.store, request.filter, published.size)
  const manifest = manifestOf({ source, request, selection }, published.note, witnessed?.note)
  const splits = [...request.keptSizes, ...(witnessed === undefined ? [] : [witnessed.size])]
  const writer = new BundleWriter({ source, request, selection, reader, size: published.size, splits })
  return { events: selection.events, what: describe(request), leaves: published.size, lines: writer.lines(manifest) }
}

function manifestOf(
  { source, request, selection }: { source: BundleSource; request: BundleRequest; selection: Selection },
  checkpoint: string,
  witnessed: string | undefined,
): BundleManifest {
  const { payloads, exportedAt, by } = request
  const whole = selection.scopes === undefined && selection.minIndex === 0
  return {
    bundle: BUNDLE_FORMAT,
    log: source.log,
    checkpoint,
    ...(witnessed === undefined ? {} : { witnessed }),
    whole,
    filter: filterTexts(request.filter),
    payloads,
    exportedAt,
    by,
    notProven: [
      'that what the gateways recorded is all that the agents did',
      ...(whole ? [] : ['that no other event matches the filter']),
      ...(selection.minIndex === 0 ? [] : [`what the ${selection.minIndex} events were that retention removed`]),
      ...(payloads ? [] : ['what the arguments and results were: they are committed to, and not disclosed']),
      'messages that the ledger did not believe (quarantined, forks): they are no leaves',
    ],
  }
}

function filterTexts(filter: EventFilter): Readonly<Record<string, string>> {
  return Object.fromEntries(Object.entries(filter).filter(([, value]) => value !== undefined)) as Record<string, string>
}

function describe({ filter, payloads }: BundleRequest): string {
  const texts = Object.entries(filterTexts(filter)).map(([name, value]) => `${name} ${value}`)
  return `bundle ${payloads ? 'with' : 'without'} payloads: ${texts.length === 0 ? 'everything' : texts.join(', ')}`
}

/** The first multiple after a number: pages and bundles of entries end there. */
function nextMultiple(number: number, of: number): number {
  return (Math.floor(number / of) + 1) * of
}

interface WriterMeans {
  readonly source: BundleSource
  readonly request: BundleRequest
  readonly selection: Selection
  readonly reader: TreeReader
  readonly size: number
  /** Where skipped leaves are cut, so that the tree of an older checkpoint can be made again. */
  readonly splits: readonly number[]
}

class BundleWriter {
  readonly #means: WriterMeans
  readonly #history: LedgerHistory
  readonly #tally = new ChainTally()
  /** Leaves before this one are written; those from here to the next that is shown are skipped. */
  #written = 0
  #payloads = 0
  #erased = 0

  constructor(means: WriterMeans) {
    this.#means = means
    this.#history = new LedgerHistory(means.source.store)
  }

  async *lines(manifest: BundleManifest): AsyncGenerator<string> {
    const { size, source, selection } = this.#means
    yield jsonLine(manifest)
    for (let from = selection.minIndex, to = from; from < size; from = to) {
      to = Math.min(size, nextMultiple(from, PAGE_LEAVES))
      const leaves = await readLeaves(source.store, selection, { from, to })
      for (let at = from, end = at; at < to; at = end) {
        end = Math.min(to, nextMultiple(at, TILE_WIDTH))
        yield* this.#bundle(leaves.slice(at - from, end - from))
      }
    }
    yield* this.#skipTo(size)
    yield* [...this.#tally.statements()].map(jsonLine)
    yield jsonLine({ end: { leaves: size, ...this.#tally.totals(), payloads: this.#payloads, erased: this.#erased } })
  }

  /** The leaves of one bundle of entries. */
  async *#bundle(leaves: readonly BundleLeaf[]): AsyncGenerator<string> {
    const shown = leaves.filter((leaf) => this.#isShown(leaf))
    const [first] = shown
    if (first === undefined) return
    const bodies = shown.some(({ wanted }) => wanted === 1)
      ? await this.#means.reader.entries(Math.floor(first.position / TILE_WIDTH), this.#means.size)
      : []
    const payloads = await this.#findPayloads(shown)
    for (const leaf of shown) {
      yield* this.#skipTo(leaf.position)
      yield this.#line(leaf, bodies) + (payloads.get(leaf.hash) ?? '')
      this.#written = leaf.position + 1
    }
  }

  #isShown({ writer, instance, sequence, wanted }: BundleLeaf): boolean {
    if (wanted === 1) return true
    const scope = this.#means.selection.scopes?.get(`${writer}/${instance}`)
    return scope !== undefined && sequence >= scope.first && sequence <= scope.last
  }

  #line(
    { writer, instance, sequence, hash, signature, position, wanted }: BundleLeaf,
    bodies: readonly Buffer[],
  ): string {
    const chain = `${writer}/${instance}`
    this.#tally.count(chain, sequence, wanted === 1)
    const body = bodies[position % TILE_WIDTH]
    return wanted === 1 && body !== undefined
      ? eventLine(hash, signature, body)
      : jsonLine({ withheld: hash, signature, chain, sequence })
  }

  async #findPayloads(leaves: readonly BundleLeaf[]): Promise<ReadonlyMap<string, string>> {
    if (!this.#means.request.payloads) return new Map()
    const hashes = leaves
      .filter(({ wanted, attachments }) => wanted === 1 && attachments.includes('payload'))
      .map(({ hash }) => hash)
    const found = await this.#history.findPayloads(hashes)
    const lines = found.map(({ hash, recorded, erasedBy }): readonly [string, string] => {
      if (erasedBy !== undefined) this.#erased++
      else if (recorded !== undefined) this.#payloads++
      else return [hash, '']
      return [hash, jsonLine(erasedBy === undefined ? { payload: recorded?.toString('base64') } : { erased: erasedBy })]
    })
    return new Map(lines)
  }

  async *#skipTo(position: number): AsyncGenerator<string> {
    const { reader, size, splits } = this.#means
    const ends = [...new Set([...splits, position])].filter((end) => end > this.#written && end <= position)
    for (const end of ends.toSorted((a, b) => a - b)) {
      const subtrees = coveringSubtrees({ start: this.#written, end })
      const ranges = subtrees.map(({ level, index }) => ({ start: index * 2 ** level, end: (index + 1) * 2 ** level }))
      const hashes = await reader.hashRanges(ranges, size)
      yield jsonLine({ skipped: end - this.#written, hashes: hashes.map((hash) => hash.toString('hex')) })
      this.#written = end
    }
  }
}
