// How many answers of one server are held at once, by their size: a server that sends thousands of large ones is read no
// faster than they leave. An answer that outgrows its class waits for a place in the next one; those in the largest class
// wait for nobody, so that all get through.
import type { HttpLimits } from './limits.ts'

const KIBIBYTE = 1024
/** Smaller ones need no place: a socket has as much in hand. */
const FREE_BYTES = 32 * KIBIBYTE
/** Classes below `answerBytes`, and the part of `heldBytes` that each class may fill. */
const SMALL_CLASSES_BYTES = [256 * KIBIBYTE, 2 * 1024 * KIBIBYTE] as const
const SMALL_SHARE = 1 / 4
const LARGE_SHARE = 1 / 2

/** Places for answers up to one size. */
class SizeClass {
  readonly maxBytes: number
  #free: number
  readonly #waiting: (() => void)[] = []

  constructor(maxBytes: number, places: number) {
    this.maxBytes = maxBytes
    this.#free = Math.max(1, Math.floor(places))
  }

  /** Resolves when there is a place, first come first served. */
  async enter(): Promise<void> {
    if (this.#free > 0) this.#free--
    else await new Promise<void>((resolve) => this.#waiting.push(resolve))
  }

  leave(): void {
    const next = this.#waiting.shift()
    if (next === undefined) this.#free++
    else next()
  }
}

/** The places of one server. */
export class AnswerRoom {
  readonly #classes: readonly SizeClass[]

  constructor({
    heldBytes,
    answerBytes,
    longAnswerBytes,
  }: Pick<HttpLimits, 'heldBytes' | 'answerBytes' | 'longAnswerBytes'>) {
    const small = SMALL_CLASSES_BYTES.filter((bytes) => bytes < answerBytes)
    this.#classes = [
      ...small.map((bytes) => new SizeClass(bytes, (heldBytes * SMALL_SHARE) / bytes)),
      new SizeClass(answerBytes, (heldBytes * LARGE_SHARE) / answerBytes),
      new SizeClass(longAnswerBytes, 1),
    ]
  }

  /** A new answer, of which nothing is held yet. */
  hold(): HeldAnswer {
    return new HeldAnswer(this.#classes)
  }
}

/** One answer that grows. */
class HeldAnswer {
  readonly #classes: readonly SizeClass[]
  #own: SizeClass | undefined

  constructor(classes: readonly SizeClass[]) {
    this.#classes = classes
  }

  /** Resolves when so many bytes may be held; they are in hand already, and nothing more is read meanwhile. */
  async grow(bytes: number): Promise<void> {
    if (bytes <= FREE_BYTES) return this.release()
    if (this.#own !== undefined && bytes <= this.#own.maxBytes) return
    const next = this.#classes.find(({ maxBytes }) => bytes <= maxBytes) ?? this.#classes.at(-1)
    if (next === this.#own) return
    await next?.enter()
    this.release()
    this.#own = next
  }

  /** Gives the place back. */
  release(): void {
    this.#own?.leave()
    this.#own = undefined
  }
}
