// The policy that a run decides by: replaced as a whole when another one was loaded, kept when one could not be, or when it may
// allow more and nobody has accepted that. Each change is an event; a decision always carries the hash of the policy that it was
// made under.
import { describeError } from '../events/errors.ts'
import type { EventDraft } from '../events/event.ts'
import { formatTime } from '../events/time.ts'
import type { Policy } from './policy/policy.ts'
import type { Protection } from './policy/protect.ts'
import { findHeldChange, type HeldChange, type PolicyGuard } from './policy-guard.ts'

/** Why files were refused. */
export interface PolicyRefusal {
  /** Hash of what was read, where it could be read. */
  readonly policy?: string | undefined
  readonly errors: number
  readonly text: string
}

/** What whoever watches the policy's files tells a run. */
export interface PolicyKeeper {
  readonly replace: (policy: Policy, protection: Protection | undefined) => void
  readonly refuse: (refusal: PolicyRefusal) => void
}

/** What a run starts from. */
export interface PolicyInForceOptions {
  readonly policy: Policy | undefined
  readonly protection: Protection | undefined
  readonly server: string
  /** Records an event; never rejects. */
  readonly note: (draft: EventDraft) => Promise<void>
  /** Present where a policy that may allow more has to be accepted. */
  readonly guard?: PolicyGuard | undefined
  /** The change that waits since before the start. */
  readonly held?: HeldChange | undefined
  /** Hash of the event by which an admin accepted a change. */
  readonly findAcceptance?: (change: HeldChange) => string | undefined
  /** For people. */
  readonly warn?: (text: string) => void
}

const MAX_TEXT_CHARACTERS = 2_000
/** The most widenings that an event names, and the most characters of each text in it. */
const MAX_WIDENINGS = 20
const MAX_NAME_CHARACTERS = 512

/** Holds policy and protection of one run. */
export class PolicyInForce implements PolicyKeeper {
  readonly #options: PolicyInForceOptions
  /** Written by `#take` alone. */
  #policy: Policy | undefined
  #protection: Protection | undefined
  #held: { readonly change: HeldChange; readonly protection: Protection | undefined } | undefined

  constructor(options: PolicyInForceOptions) {
    const { policy, protection, held, guard } = options
    this.#options = options
    this.#policy = policy
    this.#protection = protection
    if (policy !== undefined && held === undefined) guard?.keep(policy)
    // `writer/open` names the hash; that its rules only observe is worth an event of its own.
    if (policy?.observeUntilMs !== undefined) this.#noteChange(policy, undefined)
    if (held !== undefined) this.#hold(held, protection)
  }

  /** Undefined while none could be loaded: everything is denied. */
  get policy(): Policy | undefined {
    return this.#policy
  }

  get protection(): Protection | undefined {
    return this.#protection
  }

  /** Takes a policy from now on, or holds it until `look` finds it accepted. */
  replace(policy: Policy, protection: Protection | undefined): void {
    const { guard, findAcceptance } = this.#options
    const change = findHeldChange(guard, this.#policy ?? guard?.before, policy)
    if (change === undefined) return this.#take(policy, protection)
    const accepted = findAcceptance?.(change)
    if (accepted !== undefined) return this.#take(policy, protection, accepted)
    // At the start nothing could be loaded: what an earlier run had in force is better than nothing.
    if (this.#policy === undefined) this.#take(change.before, protection)
    this.#hold(change, protection)
  }

  /** Takes what is held, once it was accepted. */
  look(): void {
    if (this.#held === undefined) return
    const { change, protection } = this.#held
    const accepted = this.#options.findAcceptance?.(change)
    if (accepted !== undefined) this.#take(change.policy, protection, accepted)
  }

  /** Records that files were refused; nothing else changes. */
  refuse({ policy, errors, text }: PolicyRefusal): void {
    const inForce = this.#policy?.hash
    void this.#options.note({
      type: 'policy/refused',
      server: this.#options.server,
      ...(policy === undefined ? {} : { policy }),
      ...(inForce === undefined ? {} : { inForce }),
      errors,
      text: text.slice(0, MAX_TEXT_CHARACTERS).toWellFormed(),
    })
  }

  #take(policy: Policy, protection: Protection | undefined, accepted?: string): void {
    const replaced = this.#policy?.hash
    try {
      this.#options.guard?.keep(policy)
    } catch (error) {
      const text = describeError(error)
      this.#options.warn?.(`the policy in force stays: ${text}`)
      return this.refuse({ policy: policy.hash, errors: 1, text })
    }
    this.#held = undefined
    this.#policy = policy
    this.#protection = protection
    if (policy.hash !== replaced) this.#noteChange(policy, replaced, accepted)
  }

  #hold(change: HeldChange, protection: Protection | undefined): void {
    const isNews = this.#held?.change.policy.hash !== change.policy.hash
    this.#held = { change, protection }
    if (!isNews) return
    const { before, policy, widenings } = change
    const { server, note, warn } = this.#options
    const [first] = widenings
    warn?.(
      `the policy in force stays: the new one may allow more (${first?.rule}: ${first?.why})\n  fix: toolwarden policy accept ${policy.hash.slice(0, 12)} --reason <why>`,
    )
    void note({
      ...{ type: 'policy/held', server, inForce: before.hash, policy: policy.hash },
      ...{ bytes: Buffer.byteLength(policy.text), count: widenings.length },
      widenings: widenings.slice(0, MAX_WIDENINGS).map(({ rule, why }) => ({ rule: cut(rule), why: cut(why) })),
    })
  }

  #noteChange({ hash, text, observeUntilMs }: Policy, replaced: string | undefined, accepted?: string): void {
    void this.#options.note({
      type: 'policy/changed',
      server: this.#options.server,
      ...(replaced === undefined ? {} : { replaced }),
      policy: hash,
      bytes: Buffer.byteLength(text),
      ...(observeUntilMs === undefined ? {} : { observeUntil: formatTime(observeUntilMs * 1000) }),
      ...(accepted === undefined ? {} : { accepted }),
    })
  }
}

function cut(text: string): string {
  return text.slice(0, MAX_NAME_CHARACTERS).toWellFormed()
}
