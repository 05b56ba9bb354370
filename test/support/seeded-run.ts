// Runs whose every byte comes from a seed, keys and signatures too, of any writer and with clones; run-builder.ts makes whole calls.
import { createHash, createPrivateKey, createPublicKey } from 'node:crypto'
import { type ChainHead, EMPTY_CHAIN, type RunKey, type SealedEvent, sha256 } from '../../events/chain.ts'
import { type Commit, type Entry, sealCommit } from '../../events/commit.ts'
import { chainOf, type EventDraft } from '../../events/event.ts'
import { certifyRun, type KeyPair } from '../../events/keys.ts'
import type { LogRecord } from '../../events/log.ts'
import { commitPayload } from '../../events/payload.ts'
import { argumentSignals, signalsBytes } from '../../events/signals.ts'
import { uuidv7 } from '../../events/time.ts'
import { Trust } from '../../events/trust.ts'

/** 2026-11-22T13:00:00Z, where every seeded run starts. */
export const START_MICROS = Date.UTC(2026, 10, 22, 13) * 1000
/** The deployment key of seeded runs. */
export const DEPLOYMENT_KEY = seededBytes('deployment', 32)

const PKCS8_HEAD = Buffer.from('302e020100300506032b657004220420', 'hex')

/** Bytes that depend on a seed alone, at most 32. */
export function seededBytes(seed: string, count: number): Buffer {
  return createHash('sha256').update(seed).digest().subarray(0, count)
}

/** A hash that depends on a seed alone. */
export function seededHash(seed: string): string {
  return seededBytes(seed, 32).toString('hex')
}

/** A UUIDv7 that depends on a seed alone. */
export function seededId(seed: string, micros: number = START_MICROS): string {
  return uuidv7(micros, seededBytes(seed, 10))
}

/** An Ed25519 key that depends on a seed alone. */
export function seededKey(seed: string): KeyPair {
  const der = Buffer.concat([PKCS8_HEAD, seededBytes(`key ${seed}`, 32)])
  const privateKey = createPrivateKey({ key: der, format: 'der', type: 'pkcs8' })
  return { privateKey, publicKey: createPublicKey(privateKey).export({ format: 'der', type: 'spki' }).subarray(12) }
}

/** What makes a run; everything has a default. */
export interface RunSpec {
  readonly seed?: string
  readonly log?: string
  readonly writer?: string
  /** Seed of the writer's long-lived key; the writer's name unless told. */
  readonly longLived?: string
  /** Of the run's instance, microseconds since 1970. */
  readonly startMicros?: number
}

/** One run of one writer, growing append by append. */
export class Run {
  readonly runKey: RunKey
  readonly chain: string
  readonly longLived: KeyPair
  readonly commits: Commit<{ readonly entries: readonly Entry[] }>[] = []
  head: ChainHead = EMPTY_CHAIN
  readonly #spec: RunSpec
  #micros = START_MICROS
  #ids = 0

  constructor(spec: RunSpec = {}) {
    const {
      seed = 'run',
      log = 'main',
      writer = 'gateway/files',
      longLived = writer,
      startMicros = START_MICROS,
    } = spec
    this.#spec = spec
    const identity = { log, writer, instance: seededId(`instance ${writer} ${seed}`, startMicros) }
    const own = seededKey(`run ${writer} ${seed}`)
    this.longLived = seededKey(`writer ${longLived}`)
    this.chain = chainOf(identity)
    this.runKey = {
      identity,
      privateKey: own.privateKey,
      certificate: certifyRun(this.longLived, identity, own.publicKey),
    }
  }

  /** Seals entries as one append after the head; returns its records. */
  append(...entries: readonly Entry[]): readonly LogRecord[] {
    const sealed = sealCommit(this.head, [{ entries }], {
      runKey: this.runKey,
      nowMicros: () => ++this.#micros,
      newId: () => seededId(`${this.chain} ${++this.#ids}`, this.#micros),
    })
    const error = sealed.refused[0]?.error
    if (sealed.commit === undefined) throw error ?? new Error('an append of nothing')
    this.commits.push(sealed.commit)
    this.head = sealed.commit.head
    return sealed.commit.records
  }

  /** Every record so far. */
  records(): readonly LogRecord[] {
    return this.commits.flatMap(({ records }) => records)
  }

  /** Every event so far. */
  events(): readonly SealedEvent[] {
    return this.commits.flatMap(({ parts }) => parts.flatMap(({ events }) => events))
  }

  /** A run that goes on from where this one stands, as the clone of a machine would. */
  clone(): Run {
    const clone = new Run(this.#spec)
    clone.head = this.head
    return clone
  }
}

/** The trust of those who believe the writers of these runs. */
export function trustOf(...runs: readonly Run[]): Trust {
  const keys = runs.map((run) => ({
    writer: run.runKey.identity.writer,
    key: run.longLived.publicKey.toString('base64url'),
  }))
  return new Trust(keys)
}

/** The first event of a run. */
export function openEntry({ runKey: { certificate } }: Run): Entry {
  return {
    draft: {
      type: 'writer/open',
      publicKey: certificate.publicKey.toString('base64url'),
      certificate: certificate.signature.toString('base64url'),
      software: 'toolwarden/test',
      configuration: seededHash('configuration'),
    },
  }
}

/** A heartbeat: the smallest event. */
export function beatEntry(monotonicMicros: number): Entry {
  return { draft: { type: 'writer/heartbeat', monotonicMicros } }
}

/** The context of a seeded call. */
function callContext(seed: string) {
  return {
    session: `session ${seed}`,
    connection: seededId(`connection ${seed}`),
    principal: 'agent:test@host',
    principalSource: 'declared',
    client: 'test',
    server: 'files',
    call: seededId(`call ${seed}`),
    tool: 'write_file',
  } as const
}

/** A propose with payload and signals, and the decide that allows it. */
export function callEntries(seed: string): readonly [Entry, Entry] {
  const exact = Buffer.from(JSON.stringify({ path: `/tmp/${seed}`, content: `content of ${seed}` }))
  const means = {
    salt: seededBytes(`salt ${seed}`, 32),
    deploymentKey: DEPLOYMENT_KEY,
    redact: (bytes: Buffer) => bytes,
  }
  const payload = commitPayload(exact, { record: 'full', maxBytes: 10_000 }, means)
  const signals = signalsBytes(argumentSignals(DEPLOYMENT_KEY, 'write', { path: `/tmp/${seed}` }))
  const context = callContext(seed)
  const propose: EventDraft = {
    type: 'authorization/propose',
    ...context,
    method: 'tools/call',
    arguments: payload.field,
    argumentsDigest: seededHash(`arguments ${seed}`),
    signalsDigest: sha256(signals),
  }
  return [
    { draft: propose, payload: payload.attachment, signals },
    { draft: ([proposed]) => decideDraft(seed, proposed?.hash) },
  ]
}

/** The receipt of a call that went well. */
function receiptEntry(seed: string, decide: string): Entry {
  return {
    draft: { type: 'authorization/receipt', ...callContext(seed), parent: decide, status: 'ok', durationMicros: 1_000 },
  }
}

/** An honest run with its opening and a number of calls, each one append of propose and decide and one of the receipt. */
export function honestRun(calls: number, spec: RunSpec = {}): Run {
  const run = new Run(spec)
  run.append(openEntry(run))
  for (let index = 0; index < calls; index++) {
    run.append(...callEntries(`${index}`))
    run.append(receiptEntry(`${index}`, run.head.hash))
  }
  return run
}

function decideDraft(seed: string, parent: string = seededHash('no parent')): EventDraft {
  return {
    type: 'authorization/decide',
    ...callContext(seed),
    parent,
    decision: 'allow',
    reason: 'policy_rule',
    text: 'allowed by the test',
    rule: 'test',
    control: { state: 'none', revision: 0 },
  }
}
