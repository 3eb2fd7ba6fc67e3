// Timers inside an isolate. The host is asked for one thing only: to be woken at the earliest of them.

interface Entry {
  at: number
  every: number | null
  run: () => void
}

export interface TimersDeps {
  now(): number
  /** Asks to be woken once, after so many milliseconds; a later call takes the place of an earlier one. */
  wake(ms: number): void
  /** What a callback threw. */
  uncaught(thrown: unknown): void
}

/** Longest wait that a timer can have; more fires at once, as in Node. */
const MAX_MS = 2 ** 31 - 1

export interface GuestTimer {
  ref(): GuestTimer
  unref(): GuestTimer
  hasRef(): boolean
  refresh(): GuestTimer
  close(): GuestTimer
  [Symbol.toPrimitive](): number
  [Symbol.dispose](): void
}

export interface Timers {
  after(ms: number, run: () => void): () => void
  /** Runs what is due. */
  woken(): void
  /** What goes into the plugin's global object, and into require('timers'). */
  readonly globals: {
    setTimeout(run: unknown, ms?: unknown, ...args: unknown[]): GuestTimer
    setInterval(run: unknown, ms?: unknown, ...args: unknown[]): GuestTimer
    setImmediate(run: unknown, ...args: unknown[]): GuestTimer
    clearTimeout(timer: unknown): void
    clearInterval(timer: unknown): void
    clearImmediate(timer: unknown): void
    queueMicrotask(run: unknown): void
  }
}

export function createTimers({ now, wake, uncaught }: TimersDeps): Timers {
  const entries = new Map<number, Entry>()
  // Taken before the plugin can put its own in their place.
  const resolved = Promise.resolve()
  const then = Promise.prototype.then
  let lastId = 0
  let wakesAt = Number.POSITIVE_INFINITY

  function arm(at: number): void {
    if (at >= wakesAt) return
    wakesAt = at
    wake(Math.max(0, at - now()))
  }

  function add(ms: number, every: number | null, run: () => void): number {
    lastId += 1
    const at = now() + ms
    entries.set(lastId, { at, every, run })
    arm(at)
    return lastId
  }

  const safely = (run: () => void) => () => {
    try {
      run()
    } catch (thrown) {
      uncaught(thrown)
    }
  }

  function create(run: unknown, ms: unknown, args: unknown[], repeats: boolean): GuestTimer {
    if (typeof run !== 'function')
      throw Object.assign(new TypeError('The "callback" argument must be of type function'), {
        code: 'ERR_INVALID_ARG_TYPE',
      })
    const wanted = Number(ms)
    const wait = wanted >= 1 && wanted <= MAX_MS ? Math.trunc(wanted) : 1
    const call = safely(() => Reflect.apply(run, undefined, args))
    const id = add(wait, repeats ? wait : null, call)
    const timer: GuestTimer = {
      // Nothing here keeps anything alive, so there is nothing to let go of either.
      ref: () => timer,
      unref: () => timer,
      hasRef: () => false,
      refresh() {
        const entry = entries.get(id)
        if (entry) entry.at = now() + wait
        return timer
      },
      close() {
        entries.delete(id)
        return timer
      },
      [Symbol.toPrimitive]: () => id,
      [Symbol.dispose]: () => void entries.delete(id),
    }
    return timer
  }

  const clear = (timer: unknown): void => {
    if (typeof timer === 'object' && timer !== null) entries.delete(Number(timer))
    else if (typeof timer === 'number' || typeof timer === 'string') entries.delete(Number(timer))
  }

  return {
    after(ms, run) {
      const id = add(ms, null, run)
      return () => entries.delete(id)
    },
    woken() {
      wakesAt = Number.POSITIVE_INFINITY
      const at = now()
      const due = [...entries].filter(([, entry]) => entry.at <= at).sort((a, b) => a[1].at - b[1].at)
      for (const [id, entry] of due) {
        // One before it may have cleared or put it off.
        if (entries.get(id) !== entry || entry.at > at) continue
        if (entry.every === null) entries.delete(id)
        else entry.at = at + entry.every
        entry.run()
      }
      let next = Number.POSITIVE_INFINITY
      for (const entry of entries.values()) next = Math.min(next, entry.at)
      if (next !== Number.POSITIVE_INFINITY) arm(next)
    },
    globals: {
      setTimeout: (run, ms, ...args) => create(run, ms, args, false),
      setInterval: (run, ms, ...args) => create(run, ms, args, true),
      setImmediate: (run, ...args) => create(run, 1, args, false),
      clearTimeout: clear,
      clearInterval: clear,
      clearImmediate: clear,
      queueMicrotask(run) {
        if (typeof run !== 'function') throw new TypeError('The "callback" argument must be of type function')
        void Reflect.apply(then, resolved, [safely(() => Reflect.apply(run, undefined, []))])
      },
    },
  }
}

/** require('timers/promises'). */
export const timerPromises = {
  setTimeout: (ms: number, value?: unknown) => new Promise(resolve => setTimeout(resolve, ms, value)),
  setImmediate: (value?: unknown) => new Promise(resolve => setImmediate(resolve, value)),
}
