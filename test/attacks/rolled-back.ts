// Rows 8 and 10: what a memory outside of the ledger sees, a kept checkpoint or a witness, and what the sequencer's start
// refuses: history rolled back, cut and continued, rewritten with the log's own key, shown differently, or never anew.
import { cp, rm, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { signCheckpoint } from '../../ledger/checkpoint.ts'
import { openLogKey } from '../../ledger/log-key.ts'
import { EMPTY_ROOT } from '../../ledger/merkle.ts'
import type { SequencerBench } from '../support/sequencer-bench.ts'
import type { AttackCase } from './attack-case.ts'
import { type LedgerAttack, type LedgerStage, ledgerCases, sequence } from './ledger-stage.ts'
import { remove } from './tampered-rows.ts'

/** Of the honest run, when the snapshot is taken. */
const SNAPSHOT_LEAVES = 19
const TREE = ['tlog', 'sequencer']

/** The cases of these rows. */
export function rollbackCases(): readonly AttackCase[] {
  return ledgerCases([...rollbacks(), ...refusals(), ...rewritten()])
}

/** A snapshot of everything, and an honest run after it: 11 events and two of the ledger. */
async function snapshotAndGrow({ bench }: LedgerStage): Promise<void> {
  await sequence(bench)
  await copyFolders(bench.data, join(bench.data, 'snapshot'))
  await bench.storeRun(3)
}

async function copyFolders(from: string, to: string, folders: readonly string[] = TREE): Promise<void> {
  for (const folder of folders) {
    await rm(join(to, folder), { recursive: true, force: true })
    await cp(join(from, folder), join(to, folder), { recursive: true })
  }
}

async function rollBackFiles(bench: SequencerBench, folders: readonly string[] = TREE): Promise<void> {
  await copyFolders(join(bench.data, 'snapshot'), bench.data, folders)
}

async function rollBackStore(bench: SequencerBench): Promise<void> {
  const old = `(SELECT hash FROM leaves WHERE position < ${SNAPSHOT_LEAVES})`
  for (const table of ['payloads', 'events']) await remove(bench, `hash NOT IN ${old}`, table)
}

/** Brings everything back, as who restores a backup of the whole machine does. */
async function rollBack({ bench }: LedgerStage): Promise<void> {
  await rollBackStore(bench)
  await remove(bench, `position >= ${SNAPSHOT_LEAVES}`, 'leaves')
  await rollBackFiles(bench)
}

/** And goes on as if nothing had been. */
async function rollBackAndContinue(stage: LedgerStage): Promise<void> {
  await rollBack(stage)
  await stage.bench.storeRun(6)
  await sequence(stage.bench)
}

function rollbacks(): readonly LedgerAttack[] {
  const back = {
    row: 8,
    prepare: snapshotAndGrow,
    mutation: 'store, tiles and checkpoints brought back to before the last 13 events',
    attack: rollBack,
  } satisfies Partial<LedgerAttack>
  const on = {
    ...back,
    mutation: 'store, tiles and checkpoints brought back, then another run stored and signed: a longer log than before',
    attack: rollBackAndContinue,
  } satisfies Partial<LedgerAttack>
  const kept = ['checkpoint-conflict @ a kept checkpoint of 32 leaves']
  return [
    { ...back, name: 'rolled back', seenBy: 'kept checkpoint', finds: kept, exactly: true },
    { ...back, name: 'rolled back, before a witness', seenBy: 'witness', finds: ['conflict @ saw 32 leaves'] },
    { ...on, name: 'rolled back and continued', seenBy: 'kept checkpoint', finds: kept, exactly: true },
    {
      ...on,
      name: 'rolled back and continued, before a witness',
      seenBy: 'witness',
      finds: ['conflict @ saw 32 leaves'],
    },
  ]
}

function refusals(): readonly LedgerAttack[] {
  const part = (name: string, mutation: string, attack: LedgerAttack['attack'], message: string): LedgerAttack => ({
    row: 8,
    name,
    prepare: snapshotAndGrow,
    mutation,
    attack,
    seenBy: 'start-up',
    finds: [`TREE_INVALID @ ${message}`],
  })
  return [
    part(
      'the store alone rolled back',
      'the last 13 events and payloads deleted',
      ({ bench }) => rollBackStore(bench),
      'history is shorter than what was signed: the store has 19 events',
    ),
    part(
      'the tiles alone rolled back',
      'the folder of the log brought back',
      ({ bench }) => rollBackFiles(bench, ['tlog']),
      'a smaller tree of 19 leaves was published',
    ),
    part(
      "the sequencer's state alone rolled back",
      'the folder with the won checkpoint brought back',
      ({ bench }) => rollBackFiles(bench, ['sequencer']),
      'a larger tree of 32 leaves was published',
    ),
    part(
      'tiles and state rolled back',
      'both folders brought back, the store left as it was',
      ({ bench }) => rollBackFiles(bench),
      'the store knows of 32 leaves',
    ),
    part(
      'the log deleted',
      'both folders deleted',
      async ({ bench }) => {
        for (const folder of TREE) await rm(join(bench.data, folder), { recursive: true })
      },
      'the log is missing though it once existed',
    ),
  ]
}

/** Everything again from nothing, with every key of the owner: another history of at least the same length. */
async function rewriteAll({ bench }: LedgerStage): Promise<void> {
  for (const table of ['events', 'payloads', 'leaves']) await bench.run(`TRUNCATE TABLE ${table}`)
  for (const folder of TREE) await rm(join(bench.data, folder), { recursive: true })
  // Who has the key can make the log new: the public key beside it is what says that there was one.
  await rm(join(bench.data, 'log.vkey'))
  await bench.storeRun(7)
  await sequence(bench)
}

/** A checkpoint of the size that stands, over another tree. */
async function signOther({ bench }: LedgerStage): Promise<void> {
  const { pair } = await openLogKey(bench.data, 'test')
  const size = (await bench.reader.checkpoint())?.size ?? 0
  await writeFile(join(bench.tree, 'checkpoint'), signCheckpoint({ origin: 'test', size, root: EMPTY_ROOT }, pair))
}

function rewritten(): readonly LedgerAttack[] {
  const all = {
    row: 10,
    mutation: "another history stored and signed from the start with all keys, the log's too",
    attack: rewriteAll,
  } satisfies Partial<LedgerAttack>
  const split = {
    row: 10,
    mutation: "a second checkpoint of the same size and another root, signed with the log's key, put in its place",
    attack: signOther,
  } satisfies Partial<LedgerAttack>
  return [
    {
      ...all,
      name: 'everything rewritten',
      seenBy: 'kept checkpoint',
      finds: ['checkpoint-conflict @ a kept checkpoint of 19 leaves'],
      exactly: true,
    },
    { ...all, name: 'everything rewritten, before a witness', seenBy: 'witness', finds: ['conflict @ saw 19 leaves'] },
    {
      ...all,
      name: 'everything rewritten, under a trust policy',
      seenBy: 'trust policy',
      finds: ['quorum-unmet @ the published checkpoint'],
    },
    {
      ...split,
      name: 'split view',
      seenBy: 'trust policy',
      finds: ['checkpoint-conflict @ the published checkpoint'],
    },
    { ...split, name: 'split view, before a witness', seenBy: 'witness', finds: ['conflict @ saw 19 leaves'] },
    { ...split, name: 'split view, in the tiles', seenBy: 'Merkle log', finds: ['tree-damaged @ tlog'] },
    {
      ...split,
      name: 'split view, at the start',
      seenBy: 'start-up',
      finds: ['TREE_INVALID @ another root was published for the same size'],
    },
    {
      row: 10,
      name: 'a stale checkpoint for ever',
      mutation: 'nothing is shown any more but what the witness cosigned two hours ago, where an hour is allowed',
      seenBy: 'trust policy',
      finds: ['checkpoint-stale @ the witnessed checkpoint'],
      // The witness's word stays as it is; the reader's clock goes on, which is all that a stale view changes.
      attack: async ({ outside }) => outside?.wait(2 * 3_600),
    },
    {
      row: 10,
      name: 'the cosignature of another checkpoint',
      mutation: 'the witness line of the checkpoint moved under a checkpoint of the same size and another root',
      seenBy: 'trust policy',
      finds: ['checkpoint-invalid @ the published checkpoint'],
      attack: async (stage) => {
        const cosigned = stage.kept.split('\n').filter((line) => line.startsWith('— witness'))
        await signOther(stage)
        const note = (await stage.bench.reader.checkpoint())?.note ?? ''
        await writeFile(join(stage.bench.tree, 'checkpoint'), `${note}${cosigned.join('\n')}\n`)
      },
    },
  ]
}
