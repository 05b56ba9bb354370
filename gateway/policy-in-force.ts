// The policy that a run decides by: replaced as a whole when another one was loaded, kept when one could not be.
// Each change is an event; a decision always carries the hash of the policy that it was made under.
import type { EventDraft } from '../events/event.ts'
import { formatTime } from '../events/time.ts'
import type { Policy } from './policy/policy.ts'
import type { Protection } from './policy/protect.ts'

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
}

const MAX_TEXT_CHARACTERS = 2_000

/** Holds policy and protection of one run. */
export class PolicyInForce implements PolicyKeeper {
  readonly #options: PolicyInForceOptions
  /** Written by `replace` alone. */
  #policy: Policy | undefined
  #protection: Protection | undefined

  constructor(options: PolicyInForceOptions) {
    this.#options = options
    this.#policy = options.policy
    this.#protection = options.protection
    // `writer/open` names the hash; that its rules only observe is worth an event of its own.
    if (options.policy?.observeUntilMs !== undefined) this.#noteChange(options.policy, undefined)
  }

  /** Undefined while none could be loaded: everything is denied. */
  get policy(): Policy | undefined {
    return this.#policy
  }

  get protection(): Protection | undefined {
    return this.#protection
  }

  /** Takes a policy from now on. */
  replace(policy: Policy, protection: Protection | undefined): void {
    const replaced = this.#policy?.hash
    this.#policy = policy
    this.#protection = protection
    if (policy.hash !== replaced) this.#noteChange(policy, replaced)
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

  #noteChange({ hash, text, observeUntilMs }: Policy, replaced: string | undefined): void {
    void this.#options.note({
      type: 'policy/changed',
      server: this.#options.server,
      ...(replaced === undefined ? {} : { replaced }),
      policy: hash,
      bytes: Buffer.byteLength(text),
      ...(observeUntilMs === undefined ? {} : { observeUntil: formatTime(observeUntilMs * 1000) }),
    })
  }
}
