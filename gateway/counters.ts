// What rate limits and budgets have used up: exact within this gateway, bounded, kept in memory and folded at the start from
// what earlier runs recorded (fold-history.ts). A call is charged when it is decided, and given back when it is not made.

import type { Charge, CounterView } from './policy/limits.ts'

/** Most sessions, principals and tools, over all limits, that are counted at once; calls of further ones are denied. */
const MAX_ACCOUNTS = 10_000
/** Most entries of one account; beyond, neighbours become one that counts until the later of them ends. */
const MAX_ACCOUNT_ENTRIES = 10_000
/** Most entries of all accounts; beyond, limited calls are denied until some have passed. */
const MAX_ENTRIES = 1_000_000

/** A charge that can be given back; once. */
export interface Reservation {
  readonly release: () => void
}

interface CounterEntry {
  readonly atMs: number
  amount: number
}

/** Entries by time; those before `first` have passed. */
interface Account {
  readonly counter: string
  readonly windowMs: number
  entries: CounterEntry[]
  first: number
  total: number
}

/** The counters of one gateway run. */
export class Counters implements CounterView {
  readonly #accounts = new Map<string, Account>()
  /** Entries of all accounts. */
  #size = 0
  /** Until the fold is done nobody knows what was used. */
  #isKnown: boolean

  constructor(options: { readonly isKnown: boolean }) {
    this.#isKnown = options.isKnown
  }

  /** Adds what earlier runs used; from now on it is known. */
  adopt(earlier: Counters): void {
    for (const [counter, windowMs, { atMs, amount }] of earlier.#list()) this.add({ counter, windowMs, amount }, atMs)
    this.#isKnown = true
  }

  /** What was charged within the window before `nowMs`; infinite where that is not known or can't be counted. */
  used(counter: string, windowMs: number, nowMs: number): number {
    if (!this.#isKnown) return Number.POSITIVE_INFINITY
    const account = this.#accounts.get(accountKey(counter, windowMs))
    if (account === undefined) return this.#hasRoom(nowMs) ? 0 : Number.POSITIVE_INFINITY
    this.#forgetPassed(account, nowMs)
    return this.#size < MAX_ENTRIES ? account.total : Number.POSITIVE_INFINITY
  }

  /** Charges a call; no two decisions can use the same room, since nothing waits between `used` and this. */
  reserve(charges: readonly Charge[], nowMs: number): Reservation {
    const entries = charges.map((charge) => ({ charge, entry: this.add(charge, nowMs) }))
    let isReleased = false
    return {
      release: () => {
        if (isReleased) return
        isReleased = true
        for (const { charge, entry } of entries) this.#giveBack(charge, entry)
      },
    }
  }

  /** Adds what was charged at a time, whatever the limit. */
  add({ counter, windowMs, amount }: Charge, atMs: number): CounterEntry {
    const key = accountKey(counter, windowMs)
    const account = this.#accounts.get(key) ?? { counter, windowMs, entries: [], first: 0, total: 0 }
    this.#accounts.set(key, account)
    const entry = { atMs, amount }
    let place = account.entries.length
    while (place > account.first && (account.entries[place - 1]?.atMs ?? 0) > atMs) place -= 1
    account.entries.splice(place, 0, entry)
    account.total += amount
    this.#size += 1
    if (account.entries.length - account.first > MAX_ACCOUNT_ENTRIES) this.#merge(account)
    return entry
  }

  *#list(): Generator<readonly [counter: string, windowMs: number, entry: CounterEntry]> {
    for (const { counter, windowMs, entries, first } of this.#accounts.values())
      for (const entry of entries.slice(first)) yield [counter, windowMs, entry]
  }

  #giveBack({ counter, windowMs }: Charge, entry: CounterEntry): void {
    const account = this.#accounts.get(accountKey(counter, windowMs))
    // An entry that has passed, or that was merged, gives nothing back: the account only ever says too much.
    const place = account?.entries.lastIndexOf(entry) ?? -1
    if (account === undefined || place < account.first) return
    account.total -= entry.amount
    account.entries.splice(place, 1)
    this.#size -= 1
  }

  #forgetPassed(account: Account, nowMs: number): void {
    const { entries, windowMs } = account
    let entry = entries[account.first]
    while (entry !== undefined && entry.atMs <= nowMs - windowMs) {
      account.total -= entry.amount
      account.first += 1
      this.#size -= 1
      entry = entries[account.first]
    }
    if (account.first * 2 > entries.length) {
      account.entries = entries.slice(account.first)
      account.first = 0
    }
  }

  #merge(account: Account): void {
    const live = account.entries.slice(account.first)
    const merged: CounterEntry[] = []
    for (let at = 0; at < live.length; at += 2) {
      const [left, right] = [live[at], live[at + 1]]
      if (left !== undefined)
        merged.push(right === undefined ? left : { atMs: right.atMs, amount: left.amount + right.amount })
    }
    this.#size -= live.length - merged.length
    account.entries = merged
    account.first = 0
  }

  #hasRoom(nowMs: number): boolean {
    if (this.#accounts.size < MAX_ACCOUNTS && this.#size < MAX_ENTRIES) return true
    for (const [key, account] of this.#accounts) {
      this.#forgetPassed(account, nowMs)
      if (account.entries.length === account.first) this.#accounts.delete(key)
    }
    return this.#accounts.size < MAX_ACCOUNTS && this.#size < MAX_ENTRIES
  }
}

/** With its window: a policy that changes a rule's `per` starts another account. */
function accountKey(counter: string, windowMs: number): string {
  return `${windowMs} ${counter}`
}
