// What stands behind a Merkle log under somebody's own trust policy: A a quorum of witnesses, B a checkpoint that was kept, C
// the owner's keys alone. It fails closed: an unmet quorum, an unknown age, nobody but the owner are never "valid".
import { ToolwardenError } from '../events/errors.ts'
import { type StoredCheckpoint, TreeReader } from './tree-reader.ts'
import { type JudgedCheckpoint, judgeCheckpoint, quorumTimeOf, type TrustPolicy } from './trust-policy.ts'
import type { Violation, ViolationCode } from './verify-report.ts'

/** A log whose roots can be had: its files, or what a bundle shows of it. */
export interface TreeSource {
  checkpoint(): Promise<StoredCheckpoint | undefined>
  witnessed(): Promise<StoredCheckpoint | undefined>
  /** Throws TREE_INVALID where it can't be had. */
  rootAt(size: number, publishedSize: number): Promise<Buffer>
}

/** What to hold the log against. */
export interface TrustCheck {
  /** The log's files; of a bundle its name. */
  readonly directory: string
  /** The files in `directory` unless told. */
  readonly source?: TreeSource
  readonly policy: TrustPolicy
  /** Checkpoints that somebody kept, and what to call each. */
  readonly kept: readonly { readonly name: string; readonly note: string }[]
  readonly nowSeconds: number
  /** How old the quorum's word may be; undefined where nothing is asked. */
  readonly maxAgeSeconds?: number
  /** Whether an age that nobody knows, and an owner without witnesses, are good enough. */
  readonly acceptsUnknownAge: boolean
  readonly acceptsUnwitnessed: boolean
}

/** What stands behind the log. */
export interface TrustResult {
  /** Undefined where not even a trusted log key does. */
  readonly class: 'A' | 'B' | 'C' | undefined
  /** Leaves of the published tree, and how many of them the class speaks of. */
  readonly size: number
  readonly coveredSize: number
  /** The witnesses of the policy that cosigned it, and when. */
  readonly cosigned: JudgedCheckpoint['cosigned']
  /** When the quorum last stood behind it, seconds since 1970. */
  readonly quorumTimeSeconds: number | undefined
  readonly violations: readonly Violation[]
}

/** Holds a log against a policy and kept checkpoints. Throws what the system says of the files. */
export async function verifyTrust(check: TrustCheck): Promise<TrustResult> {
  const trial = new Trial(check)
  return await trial.run()
}

/** A checkpoint that was judged and stands in the tree. */
interface Standing {
  readonly name: string
  readonly judged: JudgedCheckpoint
}

class Trial {
  readonly #check: TrustCheck
  readonly #reader: TreeSource
  readonly #violations: Violation[] = []

  constructor(check: TrustCheck) {
    this.#check = check
    this.#reader = check.source ?? new TreeReader(check.directory)
  }

  async run(): Promise<TrustResult> {
    const { kept, policy } = this.#check
    const published = await this.#note('the published checkpoint', () => this.#reader.checkpoint())
    const witnessed = await this.#note('the witnessed checkpoint', () => this.#reader.witnessed())
    const head = published === undefined ? undefined : await this.#stand(published, undefined)
    if (published === undefined) this.#report('tree-missing', this.#check.directory, 'there is no checkpoint')
    if (head === undefined) return this.#result(undefined, undefined, undefined)
    const older = witnessed === undefined ? undefined : await this.#stand(witnessed, head)
    const pinned: Standing[] = []
    for (const each of kept) {
      const standing = await this.#stand(each, head)
      if (standing !== undefined) pinned.push(standing)
    }
    const all = [head, ...(older === undefined ? [] : [older]), ...pinned]
    const met = all.filter(({ judged }) => judged.quorum === 'met')
    const best = met.toSorted((a, b) => b.judged.size - a.judged.size)[0]
    if (policy.quorum.kind !== 'none' && best === undefined)
      this.#report('quorum-unmet', head.name, `no quorum of witnesses: ${head.judged.missing}`)
    this.#checkAge(met)
    return this.#result(head.judged, pinnedSizeOf(pinned), best?.judged)
  }

  async #note(
    name: string,
    read: () => Promise<{ readonly note: string } | undefined>,
  ): Promise<{ readonly name: string; readonly note: string } | undefined> {
    const found = await this.#checked(name, read)
    return found === undefined ? undefined : { name, note: found.note }
  }

  /** Judges a checkpoint and looks whether the tree is, or begins with, what it says; undefined where not. */
  async #stand(
    { name, note }: { readonly name: string; readonly note: string },
    head: Standing | undefined,
  ): Promise<Standing | undefined> {
    const judged = await this.#checked(name, async () => judgeCheckpoint(note, this.#check.policy))
    if (judged === undefined) return undefined
    const size = head?.judged.size ?? judged.size
    if (judged.size > size) {
      this.#report('checkpoint-conflict', name, `the log was rolled back from ${judged.size} leaves to ${size}`)
      return undefined
    }
    const root = await this.#checked(name, () => this.#reader.rootAt(judged.size, size))
    if (root?.equals(judged.root) === true) return { name, judged }
    if (root !== undefined) {
      const text = `the log does not begin with the ${judged.size} leaves that were signed: its history was rewritten`
      this.#report('checkpoint-conflict', name, text)
    }
    return undefined
  }

  #checkAge(met: readonly Standing[]): void {
    const { maxAgeSeconds, acceptsUnknownAge, nowSeconds } = this.#check
    const time = this.#timeOf(met)
    const place = 'the witnessed checkpoint'
    if (maxAgeSeconds === undefined) {
      if (!acceptsUnknownAge)
        this.#report('age-unknown', place, 'an old state may have been shown: say --not-older-than')
    } else if (time === undefined) this.#report('age-unknown', place, 'no quorum says how old the log is')
    else if (nowSeconds - time > maxAgeSeconds)
      this.#report('checkpoint-stale', place, `the quorum last stood behind it ${nowSeconds - time} seconds ago`)
  }

  #timeOf(met: readonly Standing[]): number | undefined {
    const { policy, nowSeconds } = this.#check
    const times = met.flatMap(({ judged }) => quorumTimeOf(judged, policy, nowSeconds) ?? [])
    return times.length === 0 ? undefined : Math.max(...times)
  }

  #result(
    head: JudgedCheckpoint | undefined,
    pinnedSize: number | undefined,
    best: JudgedCheckpoint | undefined,
  ): TrustResult {
    const reached = head === undefined ? undefined : best !== undefined ? 'A' : pinnedSize !== undefined ? 'B' : 'C'
    if (reached === 'C' && !this.#check.acceptsUnwitnessed)
      this.#report('unwitnessed', 'the published checkpoint', "the owner's keys alone stand behind it")
    return {
      class: reached,
      size: head?.size ?? 0,
      coveredSize: best?.size ?? pinnedSize ?? head?.size ?? 0,
      cosigned: best?.cosigned ?? head?.cosigned ?? [],
      quorumTimeSeconds: best === undefined ? undefined : this.#timeOf([{ name: '', judged: best }]),
      violations: this.#violations,
    }
  }

  async #checked<T>(name: string, work: () => Promise<T>): Promise<T | undefined> {
    try {
      return await work()
    } catch (error) {
      if (!(error instanceof ToolwardenError)) throw error
      if (error.code !== 'CHECKPOINT_INVALID' && error.code !== 'TREE_INVALID') throw error
      this.#report(error.code === 'TREE_INVALID' ? 'tree-damaged' : 'checkpoint-invalid', name, error.message)
      return undefined
    }
  }

  #report(code: ViolationCode, position: string, text: string): void {
    this.#violations.push({ code, chain: '', position, text })
  }
}

function pinnedSizeOf(pinned: readonly Standing[]): number | undefined {
  return pinned.length === 0 ? undefined : Math.max(...pinned.map(({ judged }) => judged.size))
}
