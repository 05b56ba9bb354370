// The offline verifier on the bundle of the whole log, with every signature and every payload, beside Tessera's fsck (Go), which
// checks hashes and tree of the same log.
import { verify as cryptoVerify, sign } from 'node:crypto'
import { hashBody } from '../../events/chain.ts'
import { generateKey, publicKeyObject } from '../../events/keys.ts'
import { parseLine } from '../../ledger/bundle/bundle-format.ts'
import { readBundleLines } from '../../ledger/bundle/bundle-lines.ts'
import { BundleTree } from '../../ledger/bundle/bundle-tree.ts'
import { type BundleReport, verifyBundle } from '../../ledger/bundle/verify-bundle.ts'
import { writeBundle } from '../../ledger/bundle/write-bundle.ts'
import type { LedgerStore } from '../../ledger/store.ts'
import { buildGoTools, goProblem, runFsck } from '../../test/support/go-tools.ts'
import { TEST_LOG, type TestKeys } from '../../test/support/ledger-harness.ts'
import type { BenchTree } from './proofs.ts'
import { leastSpent, print, printRate, type Spent, spend } from './spent.ts'

const ROUNDS = 3
const CHUNK_BYTES = 1024 * 1024
const FSCK_TIMEOUT_MS = 120_000

/** What is exported and verified. */
export interface OfflineBench {
  readonly store: LedgerStore
  readonly tree: BenchTree
  readonly keys: TestKeys
}

/** Prints both. */
export async function measureOffline(bench: OfflineBench): Promise<void> {
  const { size } = bench.tree
  const plain = await exportAll(bench, false)
  printRate('offline: hashes and tree, one core (target 150 k)', size, await fastest(() => hashAll(size, plain)))
  for (const payloads of [false, true]) {
    const bundle = await exportAll(bench, payloads)
    const what = payloads ? '  and every payload' : '  and every signature, link and statement'
    printRate(what, size, await fastest(() => verify(bench, bundle)))
  }
  const { appends } = (await report(bench, plain)).counts
  printRate('  its signatures alone, the floor', size, await fastest(() => verifyEd25519(appends)))
  await measureFsck(bench.tree)
}

async function exportAll({ store, tree }: OfflineBench, payloads: boolean): Promise<Buffer> {
  const request = { filter: {}, payloads, keptSizes: [], exportedAt: '', by: 'bench' }
  const { lines } = await writeBundle({ store, log: TEST_LOG, directory: tree.directory }, request)
  const all: Buffer[] = []
  for await (const line of lines) all.push(Buffer.from(line))
  return Buffer.concat(all)
}

async function fastest(work: () => Promise<void>): Promise<Spent> {
  const rounds: Spent[] = []
  for (let round = 0; round < ROUNDS; round++) rounds.push(await spend(work))
  return leastSpent(rounds)
}

/** What fsck does too. */
async function hashAll(size: number, bundle: Buffer): Promise<void> {
  const tree = new BundleTree([size])
  for await (const batch of readBundleLines(chunksOf(bundle)))
    for (const bytes of 'lines' in batch ? batch.lines : []) {
      const line = parseLine(bytes)
      if (line?.kind === 'event') tree.leaf(Buffer.from(hashBody(line.body), 'hex'))
    }
  if (tree.rootAt(size) === undefined) throw new Error('the tree has another size')
}

/** As many checks of Node's Ed25519 as the bundle has appends. */
async function verifyEd25519(appends: number): Promise<void> {
  const pair = generateKey()
  const text = Buffer.alloc(96)
  const signature = sign(null, text, pair.privateKey)
  const key = publicKeyObject(pair.publicKey)
  for (let append = 0; append < appends; append++)
    if (!cryptoVerify(null, text, key, signature)) throw new Error('a signature does not hold')
}

async function verify(bench: OfflineBench, bundle: Buffer): Promise<void> {
  const { verdict, violations } = await report(bench, bundle)
  if (verdict !== 'valid') throw new Error(JSON.stringify(violations[0]))
}

async function report({ tree, keys }: OfflineBench, bundle: Buffer): Promise<BundleReport> {
  return await verifyBundle({
    name: 'bench',
    bundle: chunksOf(bundle),
    policy: { logs: [{ name: TEST_LOG, key: tree.logKey }], witnesses: [], quorum: { kind: 'none' } },
    writers: keys.trust,
    kept: [],
    nowSeconds: 0,
    acceptsUnknownAge: true,
    acceptsUnwitnessed: true,
  })
}

async function* chunksOf(bundle: Buffer): AsyncGenerator<Buffer> {
  for (let at = 0; at < bundle.byteLength; at += CHUNK_BYTES) yield bundle.subarray(at, at + CHUNK_BYTES)
}

async function measureFsck({ directory, keyFile, size }: BenchTree): Promise<void> {
  const problem = goProblem()
  if (problem !== undefined) return print("  Tessera's fsck", `not run: ${problem}`)
  await buildGoTools()
  const spent = await spend(async () => {
    const { succeeded, output } = await runFsck(directory, keyFile, FSCK_TIMEOUT_MS)
    if (!succeeded) throw new Error(output)
  })
  const perSecond = Math.round((size / spent.wallMs) * 1000).toLocaleString('en')
  print("  Tessera's fsck, hashes and tree, 2 threads", `${perSecond.padStart(9)} events/s`)
}
