// Whether a client still wants a call that has not been forwarded, and is still there to be answered.

/** The client's word on one call; written by the transport. */
export class Withdrawal {
  #state: 'wanted' | 'left' | 'cancelled' = 'wanted'
  #onChange: () => void = () => undefined

  /** The client took the call back: it must not be forwarded. */
  get isCancelled(): boolean {
    return this.#state === 'cancelled'
  }

  /** Nobody waits for the call any more; one that is being decided goes on, one that waits for a person does not. */
  get hasLeft(): boolean {
    return this.#state !== 'wanted'
  }

  /** Takes the call back. */
  cancel(): void {
    this.#state = 'cancelled'
    this.#onChange()
  }

  /** The client is gone where that is no cancellation (MCP 2025-11-25, Streamable HTTP), or the connection ends. */
  leave(): void {
    if (this.#state === 'wanted') this.#state = 'left'
    this.#onChange()
  }

  /** Tells one listener of every change from now on. */
  onChange(listener: () => void): void {
    this.#onChange = listener
  }
}
