// Verifies a bundle offline: bodies, hashes, links, signatures, payloads, and the tree up to a checkpoint that trusted keys
// signed. Whom to trust comes with the call, never out of the bundle. It fails closed: what can't be shown is never "valid".
import { ToolwardenError } from '../../events/errors.ts'
import type { Trust } from '../../events/trust.ts'
import { parseCheckpoint } from '../checkpoint.ts'
import { parseNote } from '../note.ts'
import type { StoredCheckpoint } from '../tree-reader.ts'
import { Findings, type Verdict, type VerifyReport, verdictOf } from '../verify-report.ts'
import { type TrustCheck, type TrustResult, verifyTrust } from '../verify-trust.ts'
import { type BundleManifest, parseManifest } from './bundle-format.ts'
import { readBundleLines } from './bundle-lines.ts'
import { BundleWalk } from './bundle-walk.ts'

/** What to verify, and under whose keys. */
export interface BundleCheck extends Omit<TrustCheck, 'directory' | 'source'> {
  /** What to call the bundle. */
  readonly name: string
  readonly bundle: AsyncIterable<Buffer>
  /** Undefined where the verifier names none. */
  readonly writers: Trust | undefined
  /** Told how many bytes were read. */
  readonly onProgress?: (bytes: number) => void
}

/** What a bundle comes to. */
export interface BundleReport extends Pick<VerifyReport, 'violations' | 'violationCount'> {
  readonly verdict: Verdict
  readonly counts: {
    readonly events: number
    readonly withheld: number
    readonly chains: number
    readonly appends: number
    readonly payloads: number
    readonly erased: number
    readonly leaves: number
  }
  /** Whether every leaf of the log is in it: then nothing was left out up to its checkpoint. */
  readonly isWhole: boolean
  readonly trust: Omit<TrustResult, 'violations'>
  readonly manifest: BundleManifest | undefined
}

const NO_TRUST: BundleReport['trust'] = {
  class: undefined,
  size: 0,
  coveredSize: 0,
  cosigned: [],
  quorumTimeSeconds: undefined,
}

/** Verifies a bundle. Throws what reading it throws; whatever is in it is a result. */
export async function verifyBundle(check: BundleCheck): Promise<BundleReport> {
  const findings = new Findings()
  const { manifest, walk } = await readAll(check, findings)
  const kept = keptSizes(check)
  const source = manifest === undefined || walk === undefined ? undefined : new BundleSource(manifest, walk)
  let trust = NO_TRUST
  if (source !== undefined && walk?.isComplete === true) {
    const provable = check.kept.filter((each) => {
      const size = kept.get(each.name)
      if (size === undefined || size > walk.tree.size || walk.tree.rootAt(size) !== undefined) return true
      const text = `the bundle does not show the log's first ${size} leaves: export it with --checkpoint`
      findings.violation({ code: 'checkpoint-unproven', chain: '', position: each.name, text })
      return false
    })
    const { violations, ...reached } = await verifyTrust({ ...check, directory: check.name, source, kept: provable })
    for (const violation of violations) findings.violation(violation)
    trust = reached
  }
  return reportOf(findings, { walk, manifest, trust })
}

function reportOf(
  findings: Findings,
  { walk, manifest, trust }: { walk: BundleWalk | undefined } & Pick<BundleReport, 'manifest' | 'trust'>,
): BundleReport {
  const { violations, violationCount } = findings.report(0)
  const { events, withheld, chains } = walk?.tally.totals() ?? { events: 0, withheld: 0, chains: 0 }
  const { appends, payloads, erased } = findings.counts
  return {
    verdict: verdictOf({ violations, violationCount }),
    counts: { events, withheld, chains, appends, payloads, erased, leaves: walk?.tree.size ?? 0 },
    isWhole: walk?.isWhole === true,
    trust,
    violations,
    violationCount,
    manifest,
  }
}

async function readAll(
  check: BundleCheck,
  findings: Findings,
): Promise<{ readonly manifest: BundleManifest | undefined; readonly walk: BundleWalk | undefined }> {
  let manifest: BundleManifest | undefined
  let walk: BundleWalk | undefined
  let bytes = 0
  for await (const batch of readBundleLines(check.bundle)) {
    if ('problem' in batch) {
      reportProblem(batch.problem, walk, findings)
      return { manifest, walk }
    }
    for (const line of batch.lines) {
      bytes += line.byteLength + 1
      if (walk !== undefined) walk.feed(line)
      else {
        manifest = parseManifest(line)
        if (manifest === undefined) {
          const text = 'its first line is not that of a bundle'
          findings.violation({ code: 'bundle-unreadable', chain: '', position: 'line 1', text })
          return { manifest, walk }
        }
        walk = new BundleWalk({ manifest, findings, trust: check.writers, sizes: wantedSizes(check, manifest) })
      }
    }
    check.onProgress?.(bytes)
  }
  if (walk === undefined) {
    const text = 'there is nothing in it'
    findings.violation({ code: 'bundle-empty', chain: '', position: check.name, text })
  } else walk.end()
  return { manifest, walk }
}

function reportProblem(problem: 'cut' | 'too-long', walk: BundleWalk | undefined, findings: Findings): void {
  const position = `line ${(walk?.lines ?? 0) + 1} or after`
  if (problem === 'cut')
    findings.violation({ code: 'bundle-truncated', chain: '', position, text: 'its last line was cut off' })
  else findings.violation({ code: 'bundle-invalid', chain: '', position, text: 'a line is longer than any may be' })
}

function keptSizes({ kept }: BundleCheck): ReadonlyMap<string, number> {
  return new Map(kept.flatMap(({ name, note }) => sizesOf([note]).map((size): [string, number] => [name, size])))
}

function wantedSizes({ kept }: BundleCheck, { checkpoint, witnessed }: BundleManifest): readonly number[] {
  return sizesOf([checkpoint, ...(witnessed === undefined ? [] : [witnessed]), ...kept.map(({ note }) => note)])
}

/** What notes claim; those that can't be read are judged, and reported, with the policy. */
function sizesOf(notes: readonly string[]): readonly number[] {
  return notes.flatMap((note) => {
    try {
      return [parseCheckpoint(parseNote(note).text).size]
    } catch (error) {
      if (error instanceof ToolwardenError) return []
      throw error
    }
  })
}

/** The log as a bundle shows it. */
class BundleSource {
  readonly #manifest: BundleManifest
  readonly #walk: BundleWalk

  constructor(manifest: BundleManifest, walk: BundleWalk) {
    this.#manifest = manifest
    this.#walk = walk
  }

  async checkpoint(): Promise<StoredCheckpoint> {
    return readNote(this.#manifest.checkpoint)
  }

  async witnessed(): Promise<StoredCheckpoint | undefined> {
    const { witnessed } = this.#manifest
    return witnessed === undefined ? undefined : readNote(witnessed)
  }

  async rootAt(size: number, publishedSize: number): Promise<Buffer> {
    const { tree } = this.#walk
    const root = tree.rootAt(size)
    if (root !== undefined && (size !== publishedSize || tree.size === size)) return root
    throw new ToolwardenError('TREE_INVALID', `the bundle shows ${tree.size} leaves, and not the first ${size}`)
  }
}

function readNote(note: string): StoredCheckpoint {
  return { ...parseCheckpoint(parseNote(note).text), note }
}
