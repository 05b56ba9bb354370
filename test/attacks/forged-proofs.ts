// Rows 15 and 16: proofs that do not prove what they are shown for, by a log or an API server that lies; and the vectors
// that transparency-dev/merkle publishes (https://github.com/transparency-dev/merkle/tree/main/testdata).
import { createHash } from 'node:crypto'
import { generateKey } from '../../events/keys.ts'
import { parseCheckpoint, signCheckpoint } from '../../ledger/checkpoint.ts'
import { openLogKey } from '../../ledger/log-key.ts'
import { EMPTY_ROOT } from '../../ledger/merkle.ts'
import { type ConsistencyClaim, consistencyHolds, inclusionHolds } from '../../ledger/merkle-proof.ts'
import { parseNote } from '../../ledger/note.ts'
import { formatTlogProof, parseTlogProof, type TlogProof, verifyTlogProof } from '../../ledger/tlog-proof.ts'
import { TreeProofs } from '../../ledger/tree-proofs.ts'
import { type ProofVector, readProofVectors, vectorsSkip } from '../support/proof-vectors.ts'
import { type AttackCase, observe, type Sighting } from './attack-case.ts'
import { type LedgerStage, openStage, publishedNote, sequence } from './ledger-stage.ts'
import { refusalOf } from './sightings.ts'

const FIRST_SIZE = 19
const NOT_SHOWN = 'CHECKPOINT_INVALID @ the proof does not show that … is in the log'

/** The cases of these rows. */
export function proofCases(): readonly AttackCase[] {
  return [...inclusions(), ...consistencies(), ...published()]
}

/** A proof as somebody shows it, for an event of which its reader knows the hash. */
interface Shown {
  readonly proof: TlogProof
  readonly hash: string
  /** What else there is to forge with. */
  readonly stage: LedgerStage
}

function inclusions(): readonly AttackCase[] {
  const edited = (name: string, mutation: string, edit: (proof: TlogProof) => TlogProof): AttackCase =>
    inclusion({ name, mutation, finds: NOT_SHOWN }, async (shown) => ({ ...shown, proof: edit(shown.proof) }))
  return [
    edited('another index', 'the index of the proof is one more', (proof) => ({ ...proof, index: proof.index + 1 })),
    edited('a hash changed', 'one bit of the first hash of the proof flipped', (proof) => ({
      ...proof,
      hashes: proof.hashes.map((hash, at) => (at === 0 ? Buffer.concat([flip(hash), hash.subarray(1)]) : hash)),
    })),
    edited('a hash left out', 'the last hash of the proof removed', (proof) => ({
      ...proof,
      hashes: proof.hashes.slice(0, -1),
    })),
    edited('a hash too many', 'one more hash at the end of the proof', (proof) => ({
      ...proof,
      hashes: [...proof.hashes, EMPTY_ROOT],
    })),
    edited('hashes in another order', 'the hashes of the proof reversed', (proof) => ({
      ...proof,
      hashes: proof.hashes.toReversed(),
    })),
    inclusion(
      {
        name: 'the proof of another event',
        mutation: 'the API shows the proof of event 4 for event 6',
        finds: NOT_SHOWN,
      },
      async (shown) => ({ ...shown, proof: await proofOf(shown.stage, shown.stage.run.calls[0]?.decide.hash ?? '') }),
    ),
    inclusion(
      {
        name: 'an event that is not there',
        mutation: 'the proof of event 6 shown for an event that nobody logged',
        finds: NOT_SHOWN,
      },
      async (shown) => ({ ...shown, hash: 'ab'.repeat(32) }),
    ),
    ...checkpoints(),
  ]
}

function checkpoints(): readonly AttackCase[] {
  const forged = (
    name: string,
    mutation: string,
    why: string,
    forge: (shown: Shown) => Promise<string>,
  ): AttackCase => {
    const finds = `CHECKPOINT_INVALID @ not a note that can be trusted: ${why}`
    return inclusion({ name, mutation, finds }, async (shown) => ({
      ...shown,
      proof: { ...shown.proof, note: await forge(shown) },
    }))
  }
  const size = `\n${FIRST_SIZE}\n`
  const sign = async ({ stage, proof }: Shown, origin: string, isOwner: boolean): Promise<string> => {
    const { root } = parseCheckpoint(parseNote(proof.note).text)
    const pair = isOwner ? (await openLogKey(stage.bench.data, 'test')).pair : generateKey()
    return signCheckpoint({ origin, size: FIRST_SIZE, root }, pair)
  }
  return [
    forged(
      'the size of the checkpoint',
      'the size under the proof changed, its signature kept',
      'the signature of test does not hold',
      async ({ proof }) => proof.note.replace(size, `\n${FIRST_SIZE + 1}\n`),
    ),
    forged(
      'a checkpoint of a stranger',
      'the checkpoint signed by another key of the same name',
      'no known key signed it',
      (shown) => sign(shown, 'test', false),
    ),
    forged(
      'a checkpoint of another log',
      'the checkpoint signed by the same key for another log',
      'no known key signed it',
      (shown) => sign(shown, 'other', true),
    ),
    forged(
      'no signature',
      'all signature lines of the checkpoint removed',
      'a line after its text is no signature',
      async ({ proof }) => proof.note.slice(0, proof.note.indexOf('\n\n') + 2),
    ),
    {
      ...inclusion(
        {
          name: 'a backdated event in the log of that day',
          mutation: 'an event that claims an earlier time is shown with the checkpoint that was kept then',
          finds: NOT_SHOWN,
        },
        async (shown) => await backdated(shown),
      ),
      row: 15,
    },
  ]
}

/** An event of a later run, whose clock is a day back, under the checkpoint of before. */
async function backdated({ stage, ...shown }: Shown): Promise<Shown> {
  const { bench } = stage
  const later = await bench.storeRun(2)
  await sequence(bench)
  const hash = later.calls[0]?.propose.hash ?? ''
  const { index, hashes } = await proofOf(stage, hash)
  return { stage, hash, proof: { index, hashes, note: shown.proof.note } }
}

function inclusion(
  { finds, ...text }: { readonly name: string; readonly mutation: string; readonly finds: string },
  forge: (shown: Shown) => Promise<Shown>,
): AttackCase {
  return {
    row: 16,
    ...text,
    seenBy: 'tlog-proof',
    finds: [finds],
    exactly: true,
    run: async () => {
      const stage = await openStage()
      const hash = stage.run.calls[1]?.propose.hash ?? ''
      const log = await stage.bench.logKey()
      let shown: Shown = { stage, hash, proof: await proofOf(stage, hash) }
      const shownText = (): string => formatTlogProof(shown.proof)
      const look = () => refusalOf(async () => verifyTlogProof(shownText(), shown.hash, { log }))
      return await observe({ look, fingerprint: async () => `${shown.hash} ${shownText()}` }, async () => {
        shown = await forge(shown)
      })
    },
  }
}

async function proofOf({ bench }: LedgerStage, hash: string): Promise<TlogProof> {
  return parseTlogProof(await new TreeProofs(bench.store, bench.tree).inclusion(hash))
}

function flip(hash: Buffer): Buffer {
  return Buffer.from([(hash[0] ?? 0) ^ 1])
}

function consistencies(): readonly AttackCase[] {
  const forgeries: readonly (readonly [string, string, (claim: ConsistencyClaim) => ConsistencyClaim])[] = [
    [
      'another older root',
      'the root of the older tree is another one',
      (claim) => ({ ...claim, fromRoot: EMPTY_ROOT }),
    ],
    ['another newer root', 'the root of the newer tree is another one', (claim) => ({ ...claim, toRoot: EMPTY_ROOT })],
    [
      'another older size',
      'the older tree is said to be one leaf larger',
      (claim) => ({ ...claim, from: claim.from + 1 }),
    ],
    ['a node left out', 'the first hash of the proof removed', (claim) => ({ ...claim, proof: claim.proof.slice(1) })],
    [
      'a node too many',
      'one more hash at the end of the proof',
      (claim) => ({ ...claim, proof: [...claim.proof, EMPTY_ROOT] }),
    ],
  ]
  return forgeries.map(([name, mutation, forge]) => ({
    row: 16,
    name: `consistency: ${name}`,
    mutation,
    seenBy: 'consistency proof',
    finds: [`refused @ from ${FIRST_SIZE} leaves`],
    run: async () => {
      const stage = await openStage()
      await stage.bench.storeRun(3)
      await sequence(stage.bench)
      let claim: ConsistencyClaim = await new TreeProofs(stage.bench.store, stage.bench.tree).consistency(FIRST_SIZE)
      const refused: Sighting = { class: 'refused', position: `from ${FIRST_SIZE} leaves` }
      const scene = {
        look: async () => (consistencyHolds(claim) ? [] : [refused]),
        fingerprint: async () => digestOf(JSON.stringify(claim) + publishedNote(stage.bench)),
      }
      return await observe(scene, () => {
        claim = forge(claim)
      })
    },
  }))
}

function published(): readonly AttackCase[] {
  const bytes = (text: string): Buffer => Buffer.from(text, 'base64')
  const inclusionOf = ({ leafIdx: index, treeSize: size, root, leafHash, proof }: ProofVector): boolean =>
    inclusionHolds({ index, size, root: bytes(root), leaf: bytes(leafHash), proof: (proof ?? []).map(bytes) })
  const consistencyOf = ({ size1, size2, root1, root2, proof }: ProofVector): boolean => {
    const roots = { fromRoot: bytes(root1), toRoot: bytes(root2) }
    return consistencyHolds({ from: size1, to: size2, ...roots, proof: (proof ?? []).map(bytes) })
  }
  return [vectorCase('inclusion', '92', inclusionOf), vectorCase('consistency', '92', consistencyOf)]
}

function vectorCase(kind: string, forged: string, holds: (vector: ProofVector) => boolean): AttackCase {
  return {
    row: 16,
    name: `the 98 published ${kind} vectors`,
    mutation: 'instead of the published proofs that hold, those that do not',
    seenBy: `${kind} proof`,
    finds: [`refused @ ${forged} of the 98`],
    exactly: true,
    ...(vectorsSkip === false ? {} : { skip: vectorsSkip }),
    run: async () => {
      const all = readProofVectors(`merkle-${kind}.json`)
      let shown = all.filter(({ wantErr }) => !wantErr)
      const look = async (): Promise<readonly Sighting[]> => {
        const refused = shown.filter((vector) => !holds(vector)).length
        return refused === 0 ? [] : [{ class: 'refused', position: `${refused} of the ${all.length}` }]
      }
      return await observe({ look, fingerprint: async () => digestOf(JSON.stringify(shown)) }, () => {
        shown = all.filter(({ wantErr }) => wantErr)
      })
    },
  }
}

function digestOf(text: string): string {
  return createHash('sha256').update(text).digest('hex')
}
