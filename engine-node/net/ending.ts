// The end of one request before its answer: its time is over, or whoever asked has called it off. It is a list of who wants to
// know; a signal of the platform, which costs much more, is made only for what takes nothing else. One is made for each request, so it is a class: closures would be most of its cost.

export class Ending {
  #isOver = false
  #reason: unknown
  #controller: AbortController | null = null
  readonly #listeners: (() => void)[] = []

  get isOver(): boolean {
    return this.#isOver
  }

  get reason(): unknown {
    return this.#reason
  }

  /** Throws why, once it has ended. */
  throwIfOver(): void {
    if (this.#isOver) throw this.#reason
  }

  /** Calls once when it ends, and not when it has. */
  onEnd(listener: () => void): void {
    this.#listeners.push(listener)
  }

  /** Undoes `onEnd`. */
  forget(listener: () => void): void {
    const at = this.#listeners.indexOf(listener)
    if (at !== -1) this.#listeners.splice(at, 1)
  }

  /** The same for what takes a signal. */
  get signal(): AbortSignal {
    this.#controller ??= new AbortController()
    if (this.#isOver) this.#controller.abort(this.#reason)
    return this.#controller.signal
  }

  /** The first reason counts. */
  end(reason: unknown): void {
    if (this.#isOver) return
    this.#isOver = true
    this.#reason = reason
    this.#controller?.abort(reason)
    for (const listener of this.#listeners.splice(0)) listener()
  }
}
