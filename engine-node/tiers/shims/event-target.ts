// Event, EventTarget and what is built on them: AbortController and AbortSignal, with DOMException for their reasons.

/** Codes of the names that are thrown here. */
const legacyCodes: Record<string, number> = { AbortError: 20, TimeoutError: 23, DataCloneError: 25 }

export class GuestDOMException extends Error {
  readonly code: number

  constructor(message = '', name = 'Error') {
    super(message)
    Object.defineProperty(this, 'name', { value: name, configurable: true })
    this.code = legacyCodes[name] ?? 0
  }
}

export class GuestEvent {
  readonly type: string
  readonly bubbles: boolean
  readonly cancelable: boolean
  readonly timeStamp: number = Date.now()
  target: unknown = null
  currentTarget: unknown = null
  defaultPrevented = false
  isStopped = false

  constructor(type: unknown, { bubbles = false, cancelable = false } = {}) {
    this.type = String(type)
    this.bubbles = bubbles
    this.cancelable = cancelable
  }

  preventDefault(): void {
    if (this.cancelable) this.defaultPrevented = true
  }

  stopPropagation(): void {}

  stopImmediatePropagation(): void {
    this.isStopped = true
  }
}

export class GuestCustomEvent extends GuestEvent {
  readonly detail: unknown

  constructor(type: unknown, options: { detail?: unknown; bubbles?: boolean; cancelable?: boolean } = {}) {
    super(type, options)
    this.detail = options.detail ?? null
  }
}

type Listener = ((event: GuestEvent) => unknown) | { handleEvent(event: GuestEvent): unknown }
interface ListenerOptions {
  once?: boolean
  signal?: GuestAbortSignal
}

export class GuestEventTarget {
  readonly #listeners = new Map<string, Map<Listener, ListenerOptions>>()

  addEventListener(type: string, listener: Listener | null, options: boolean | ListenerOptions = {}): void {
    const wanted = typeof options === 'boolean' ? {} : options
    if (listener === null || wanted.signal?.aborted) return
    const listeners = this.#listeners.get(type) ?? new Map<Listener, ListenerOptions>()
    this.#listeners.set(type, listeners)
    if (listeners.has(listener)) return
    listeners.set(listener, wanted)
    wanted.signal?.addEventListener('abort', () => this.removeEventListener(type, listener), { once: true })
  }

  removeEventListener(type: string, listener: Listener | null): void {
    if (listener !== null) this.#listeners.get(type)?.delete(listener)
  }

  dispatchEvent(event: GuestEvent): boolean {
    event.target = this
    event.currentTarget = this
    for (const [listener, { once }] of [...(this.#listeners.get(event.type) ?? [])]) {
      if (once) this.removeEventListener(event.type, listener)
      try {
        if (typeof listener === 'function') Reflect.apply(listener, this, [event])
        else listener.handleEvent(event)
      } catch (thrown) {
        // It must not stop the others, and is as fatal as in a timer.
        queueMicrotask(() => {
          throw thrown
        })
      }
      if (event.isStopped) break
    }
    return !event.defaultPrevented
  }
}

const abortError = () => new GuestDOMException('This operation was aborted', 'AbortError')

/** Aborts a signal; only its controller and the statics below have it. */
const aborts = new WeakMap<GuestAbortSignal, (reason: unknown) => void>()

export class GuestAbortSignal extends GuestEventTarget {
  #aborted = false
  #reason: unknown
  onabort: ((event: GuestEvent) => unknown) | null = null

  constructor() {
    super()
    aborts.set(this, reason => {
      if (this.#aborted) return
      this.#aborted = true
      this.#reason = reason === undefined ? abortError() : reason
      const event = new GuestEvent('abort')
      this.onabort?.(event)
      this.dispatchEvent(event)
    })
  }

  get aborted(): boolean {
    return this.#aborted
  }

  get reason(): unknown {
    return this.#reason
  }

  throwIfAborted(): void {
    if (this.#aborted) throw this.#reason
  }

  static abort(reason?: unknown): GuestAbortSignal {
    const signal = new GuestAbortSignal()
    aborts.get(signal)?.(reason)
    return signal
  }

  static timeout(ms: number): GuestAbortSignal {
    const signal = new GuestAbortSignal()
    const reason = new GuestDOMException('The operation was aborted due to timeout', 'TimeoutError')
    setTimeout(() => aborts.get(signal)?.(reason), ms)
    return signal
  }

  static any(signals: Iterable<GuestAbortSignal>): GuestAbortSignal {
    const any = new GuestAbortSignal()
    for (const signal of signals) {
      if (signal.aborted) return GuestAbortSignal.abort(signal.reason)
      signal.addEventListener('abort', () => aborts.get(any)?.(signal.reason), { once: true })
    }
    return any
  }
}

export class GuestAbortController {
  readonly signal = new GuestAbortSignal()

  abort(reason?: unknown): void {
    aborts.get(this.signal)?.(reason)
  }
}
