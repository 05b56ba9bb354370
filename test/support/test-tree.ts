// A Merkle log in files without a store: it grows, is signed and published as the sequencer does it. For tests of witnesses
// and of trust, which see nothing but files.
import { join } from 'node:path'
import { hashBody } from '../../events/chain.ts'
import { generateKey } from '../../events/keys.ts'
import { signCheckpoint } from '../../ledger/checkpoint.ts'
import { formatVerifierKey, verifierKey } from '../../ledger/note.ts'
import { SequencerFiles } from '../../ledger/sequencer-files.ts'
import { appendLeaves, EMPTY_EDGE, edgeRoot, type TreeEdge } from '../../ledger/tree-edge.ts'
import { TreeReader } from '../../ledger/tree-reader.ts'

/** The key of every test tree: two histories of one log are signed with one key. */
const logPair = generateKey()

/** One history of the log `example.com/log`. */
export class TestTree {
  readonly key = verifierKey('example.com/log', logPair.publicKey)
  readonly vkey = formatVerifierKey(this.key)
  readonly directory: string
  readonly files: SequencerFiles
  readonly reader: TreeReader
  #edge: TreeEdge = EMPTY_EDGE

  constructor(directory: string) {
    this.directory = join(directory, 'tlog')
    this.files = new SequencerFiles({ tree: this.directory, state: join(directory, 'sequencer') })
    this.reader = new TreeReader(this.directory)
  }

  /** Appends leaves and publishes; gives the note. */
  async grow(count: number, history = 'a'): Promise<string> {
    const bodies = Array.from({ length: count }, (_, at) => Buffer.from(`${history} ${this.#edge.size + at}`))
    const { edge, files } = appendLeaves(
      this.#edge,
      bodies.map((body) => ({ body, hash: Buffer.from(hashBody(body), 'hex') })),
    )
    this.#edge = edge
    await this.files.apply(files)
    const note = signCheckpoint({ origin: this.key.name, size: edge.size, root: edgeRoot(edge) }, logPair)
    await this.files.publish(note)
    return note
  }
}
