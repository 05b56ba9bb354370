// How fast is a bundle verified offline, on one core: its hashes and its Merkle tree alone, and everything with every signature
// and payload? With --fsck beside it Tessera's fsck (Go) over the same log. Events per second; one line each.
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { hashBody } from '../events/chain.ts'
import { generateKey } from '../events/keys.ts'
import { Trust } from '../events/trust.ts'
import { BUNDLE_FORMAT, eventLine, jsonLine, parseLine } from '../ledger/bundle/bundle-format.ts'
import { readBundleLines } from '../ledger/bundle/bundle-lines.ts'
import { BundleTree } from '../ledger/bundle/bundle-tree.ts'
import { ChainTally } from '../ledger/bundle/chain-tally.ts'
import { verifyBundle } from '../ledger/bundle/verify-bundle.ts'
import { signCheckpoint } from '../ledger/checkpoint.ts'
import { formatVerifierKey, verifierKey } from '../ledger/note.ts'
import { SequencerFiles } from '../ledger/sequencer-files.ts'
import { appendLeaves, EMPTY_EDGE, edgeRoot } from '../ledger/tree-edge.ts'
import { buildGoTools, runFsck } from '../test/support/go-tools.ts'
import { TEST_LOG, temporaryDirectory } from '../test/support/ledger-harness.ts'
import { buildRun } from '../test/support/run-builder.ts'

const RUNS = 10
const CALLS_A_RUN = 3_333
const ROUNDS = 3
const CHUNK_BYTES = 1024 * 1024
const FSCK_TIMEOUT_MS = 120_000

const key = generateKey()
const logPair = generateKey()
const logKey = verifierKey(TEST_LOG, logPair.publicKey)
const { path, remove } = temporaryDirectory()
const { bundle, size } = await build(path)
process.stdout.write(`${size} events, ${(bundle.byteLength / size).toFixed(0)} bytes each\n`)
for (let round = 0; round < ROUNDS; round++) {
  await time('hashes and Merkle tree', hashAll)
  await time('full offline verification', verifyAll)
}
if (process.argv.includes('--fsck')) await time("Tessera's fsck, 2 threads", fsck)
remove()

/** A log of honest runs in files, and the bundle of it. */
async function build(directory: string): Promise<{ readonly bundle: Buffer; readonly size: number }> {
  const records = Array.from({ length: RUNS }, (_, seed) => buildRun({ seed, key }, CALLS_A_RUN).records).flat()
  const tally = new ChainTally()
  const lines = records.map((record) => {
    const body = Buffer.from(record.value)
    const { sequence } = JSON.parse(body.toString('utf8')) as { readonly sequence: number }
    tally.count(record.key, sequence, true)
    const { signature = Buffer.alloc(0) } = record.headers
    return eventLine(hashBody(body), Buffer.from(signature).toString('hex'), body)
  })
  const leaves = records.map(({ value }) => ({ body: Buffer.from(value), hash: Buffer.from(hashBody(value), 'hex') }))
  const { edge, files } = appendLeaves(EMPTY_EDGE, leaves)
  const log = new SequencerFiles({ tree: join(directory, 'tlog'), state: join(directory, 'sequencer') })
  await log.apply(files)
  const checkpoint = signCheckpoint({ origin: TEST_LOG, size: edge.size, root: edgeRoot(edge) }, logPair)
  await log.publish(checkpoint)
  const about = { log: TEST_LOG, whole: true, filter: {}, payloads: false, exportedAt: '', by: 'bench', notProven: [] }
  const manifest = jsonLine({ bundle: BUNDLE_FORMAT, checkpoint, ...about })
  const end = { end: { leaves: edge.size, payloads: 0, erased: 0, ...tally.totals() } }
  const statements = [...tally.statements()].map(jsonLine)
  return { bundle: Buffer.from([manifest, ...lines, ...statements, jsonLine(end)].join('')), size: edge.size }
}

async function hashAll(): Promise<void> {
  const tree = new BundleTree([size])
  for await (const batch of readBundleLines(chunks()))
    for (const bytes of 'lines' in batch ? batch.lines : []) {
      const line = parseLine(bytes)
      if (line?.kind === 'event') tree.leaf(Buffer.from(hashBody(line.body), 'hex'))
    }
  if (tree.rootAt(size) === undefined) throw new Error('the tree has another size')
}

async function verifyAll(): Promise<void> {
  const { verdict, violations } = await verifyBundle({
    name: 'bench',
    bundle: chunks(),
    policy: { logs: [{ name: TEST_LOG, key: logKey }], witnesses: [], quorum: { kind: 'none' } },
    writers: new Trust([{ writer: 'gateway/*', key: key.publicKey.toString('base64url') }]),
    kept: [],
    nowSeconds: 0,
    acceptsUnknownAge: true,
    acceptsUnwitnessed: true,
  })
  if (verdict !== 'valid') throw new Error(JSON.stringify(violations[0]))
}

async function fsck(): Promise<void> {
  await buildGoTools()
  const keyFile = join(path, 'log.vkey')
  writeFileSync(keyFile, formatVerifierKey(logKey))
  const started = performance.now()
  const { succeeded, output } = await runFsck(join(path, 'tlog'), keyFile, FSCK_TIMEOUT_MS)
  if (!succeeded) throw new Error(output)
  print('  fsck without its build', performance.now() - started)
}

async function* chunks(): AsyncGenerator<Buffer> {
  for (let at = 0; at < bundle.byteLength; at += CHUNK_BYTES) yield bundle.subarray(at, at + CHUNK_BYTES)
}

async function time(what: string, work: () => Promise<void>): Promise<void> {
  const start = performance.now()
  await work()
  print(what, performance.now() - start)
}

function print(what: string, elapsedMs: number): void {
  process.stdout.write(`${what.padEnd(36)} ${Math.round((size / elapsedMs) * 1000).toLocaleString('en')} events/s\n`)
}
