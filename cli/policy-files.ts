// The policy's files on disk: read whole, watched for changes of content, and kept, text by text, for as long as decisions
// may be looked up. What can't be loaded leaves the last good policy in force; at the start every call is denied.
import { mkdirSync, readFileSync, renameSync, statSync, writeFileSync } from 'node:fs'
import { dirname, join, resolve } from 'node:path'
import { describeError, systemCode, ToolwardenError } from '../events/errors.ts'
import { DirectoryWatch } from '../events/file-log-watch.ts'
import { MAX_POLICY_BYTES, parsePolicy, type ReadText } from '../gateway/policy/load.ts'
import type { Policy } from '../gateway/policy/policy.ts'
import { hashPolicyText } from '../gateway/policy/policy-text.ts'
import { createPolicyError } from '../gateway/policy/problems.ts'
import type { PolicyKeeper, PolicyRefusal } from '../gateway/policy-in-force.ts'

/** How often the files are looked at, whatever the file system says of changes. */
const POLL_MS = 2_000
/** How long files must be at rest: an editor writes in several steps. */
const REST_MS = 50

/** What the files of a policy are read with. */
export interface PolicyFilesOptions {
  readonly file: string
  /** The data directory. */
  readonly data: string
  readonly nowMs: () => number
  /** For people. */
  readonly warn: (text: string) => void
  readonly pollMs?: number
}

type FileText = ReturnType<ReadText>

interface LoadResult {
  readonly policy: Policy | undefined
  readonly refusal: PolicyRefusal | undefined
  /** Every file that was looked at. */
  readonly files: readonly string[]
  /** Changes when any of their contents does. */
  readonly content: string
}

/** The policy of one gateway run. */
export class PolicyFiles {
  readonly #options: PolicyFilesOptions
  /** What was loaded last, good or not. */
  #last: LoadResult
  /** Content that was seen once; it is loaded when it is still the same after REST_MS. */
  #seen = ''
  #timer: NodeJS.Timeout | undefined

  constructor(options: PolicyFilesOptions) {
    this.#options = { ...options, file: resolve(options.file) }
    this.#last = loadFiles(this.#options)
    this.#say('every call is denied')
  }

  /** The policy that was loaded last; undefined where it could not be. */
  get policy(): Policy | undefined {
    return this.#last.policy
  }

  /** Tells a run of every change from now on, and at once where the files could not be loaded. */
  follow(keeper: PolicyKeeper, toProtection: (policy: Policy) => Parameters<PolicyKeeper['replace']>[1]): () => void {
    if (this.#last.refusal !== undefined) keeper.refuse(this.#last.refusal)
    const look = (): void => {
      const content = readContent(this.#last.files)
      if (content === this.#last.content) return
      if (content === this.#seen) this.#reload(keeper, toProtection, watch)
      this.#seen = content
      this.#soon(look)
    }
    const watch = new DirectoryWatch(() => this.#soon(look))
    watch.set(directoriesOf(this.#last.files))
    const poll = setInterval(look, this.#options.pollMs ?? POLL_MS).unref()
    look()
    return () => {
      clearInterval(poll)
      clearTimeout(this.#timer)
      watch.close()
    }
  }

  #soon(look: () => void): void {
    this.#timer ??= setTimeout(() => {
      this.#timer = undefined
      look()
    }, REST_MS).unref()
  }

  #reload(
    keeper: PolicyKeeper,
    toProtection: (policy: Policy) => Parameters<PolicyKeeper['replace']>[1],
    watch: DirectoryWatch,
  ): void {
    this.#last = loadFiles(this.#options)
    watch.set(directoriesOf(this.#last.files))
    const { policy, refusal } = this.#last
    this.#say('the policy in force stays')
    if (policy !== undefined) keeper.replace(policy, toProtection(policy))
    if (refusal !== undefined) keeper.refuse(refusal)
  }

  #say(meanwhile: string): void {
    const { policy, refusal } = this.#last
    const { warn, nowMs } = this.#options
    if (refusal !== undefined) warn(`${meanwhile}: ${refusal.text}`)
    const until = policy?.observeUntilMs
    if (until !== undefined && until > nowMs())
      warn(`OBSERVING ONLY until ${new Date(until).toISOString()}: the rules of the policy are recorded, not enforced`)
  }
}

/** Reads a kept policy text by its hash; undefined where none is kept. Throws POLICY_INVALID where it is not that text. */
export function findKeptPolicy(data: string, hash: string): string | undefined {
  if (!/^[0-9a-f]{64}$/.test(hash)) return undefined
  const path = keptPath(data, hash)
  try {
    const text = readFileSync(path, 'utf8')
    if (hashPolicyText(text) === hash) return text
  } catch (error) {
    if (systemCode(error) === 'ENOENT') return undefined
    throw error
  }
  throw new ToolwardenError('POLICY_INVALID', 'the kept text is not the one of this hash', { where: path })
}

function loadFiles({ file, data, nowMs }: PolicyFilesOptions): LoadResult {
  // What was parsed is what counts as seen: a change in between is another content.
  const texts = new Map<string, FileText>()
  const read = (path: string): FileText => {
    const text = readPolicyText(path)
    texts.set(path, text)
    return text
  }
  const refused = (files: readonly string[], refusal: PolicyRefusal): LoadResult => ({
    ...{ policy: undefined, refusal, files },
    content: contentOf(files.map((path) => [path, texts.get(path) ?? { problem: '' }])),
  })
  const top = read(file)
  if ('problem' in top) {
    const text = `the policy cannot be read (${top.problem})\n  at: ${file}\n  fix: toolwarden gateway --policy <file> …`
    return refused([file], { errors: 1, text })
  }
  const parsed = parsePolicy(top.text, { file, read, nowMs: nowMs() })
  if ('errors' in parsed) {
    const text = describeError(createPolicyError(parsed.errors))
    return refused(parsed.files, { policy: hashPolicyText(top.text), errors: parsed.errors.length, text })
  }
  const { ok: policy } = parsed
  try {
    keepPolicy(data, policy)
  } catch (error) {
    const text = `the policy's text cannot be kept as evidence (${systemCode(error) ?? 'unknown reason'})\n  at: ${keptPath(data, policy.hash)}`
    return refused(policy.files, { policy: policy.hash, errors: 1, text })
  }
  return { ...refused(policy.files, { errors: 0, text: '' }), policy, refusal: undefined }
}

/** Reads a policy's text. Bytes that are no UTF-8 would be replaced, and the hash would be that of another text. */
export function readPolicyText(path: string): FileText {
  try {
    if (statSync(path).size > MAX_POLICY_BYTES) return { problem: `larger than ${MAX_POLICY_BYTES} bytes` }
    return { text: new TextDecoder('utf-8', { fatal: true, ignoreBOM: true }).decode(readFileSync(path)) }
  } catch (error) {
    return { problem: error instanceof TypeError ? 'not UTF-8' : (systemCode(error) ?? 'unknown reason') }
  }
}

function readContent(files: readonly string[]): string {
  return contentOf(files.map((file) => [file, readPolicyText(file)]))
}

function contentOf(texts: readonly (readonly [path: string, text: FileText])[]): string {
  return hashPolicyText(JSON.stringify(texts))
}

function directoriesOf(files: readonly string[]): ReadonlySet<string> {
  return new Set(files.map((file) => dirname(resolve(file))))
}

/** Written whole or not at all; gateways may start at the same moment. */
function keepPolicy(data: string, { hash, text }: Policy): void {
  const path = keptPath(data, hash)
  mkdirSync(dirname(path), { recursive: true, mode: 0o700 })
  const draft = `${path}.${process.pid}`
  writeFileSync(draft, text, { mode: 0o600, flush: true })
  renameSync(draft, path)
}

function keptPath(data: string, hash: string): string {
  return join(data, 'policies', `${hash}.yaml`)
}
