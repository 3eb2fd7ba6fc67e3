// Where in the plugin's own code we are: which handler is running, with which configuration, and what
// must not call back into it.
// It follows promises and timers, so a call made long after the handler returned still knows what it came from.
import { AsyncLocalStorage } from 'node:async_hooks'

export interface Scope {
  /** What `ctx.config` answers while `running`. */
  config: Readonly<Record<string, unknown>>
  /** Hooks on the chain of calls that led here; sent with every capability call. */
  inFlight: readonly string[]
  /** Until the handlers have answered. Afterwards `ctx.config` is the base again, as in every timer. */
  running: boolean
}

export interface ScopeStorage {
  /** May let the action wait for its turn. */
  run<T>(scope: Scope, action: () => T | Promise<T>): T | Promise<T>
  current(): Scope | undefined
}

export function createScopeStorage(): ScopeStorage {
  const storage = new AsyncLocalStorage<Scope>()
  return { run: (scope, action) => storage.run(scope, action), current: () => storage.getStore() }
}
