// The scope of handlers where nothing follows promises: inside an isolate there is no AsyncLocalStorage, and no hook to
// make one from.
import type { Scope, ScopeStorage } from './scope.ts'

/**
 * Handlers with the same configuration run side by side; one with another configuration waits until they have answered.
 * So whatever a handler awaits, `ctx.config` is that of its event. What is lost against following each promise:
 * handlers of sessions with settings of their own wait for each other; work that goes on after its handler has answered
 * belongs to no event, or to the one that runs meanwhile; and a call names the hooks of all events that run, not only of
 * the one that it came from. A handler that was called because of another one's call never waits: it would wait for itself.
 */
export function createTurnScopes(): ScopeStorage {
  const running: Scope[] = []
  const waiting: { scope: Scope; start: () => void }[] = []

  const mayRun = (scope: Scope): boolean =>
    isCaused(scope) || running.every(other => haveSameConfig(other, scope))

  function startNext(): void {
    // In order: a configuration that comes often must not keep another one out for ever.
    for (let next = waiting[0]; next !== undefined && mayRun(next.scope); next = waiting[0]) {
      waiting.shift()
      running.push(next.scope)
      next.start()
    }
  }

  async function run<T>(scope: Scope, action: () => T | Promise<T>): Promise<T> {
    if (!mayRun(scope) || (waiting.length > 0 && !isCaused(scope)))
      await new Promise<void>(start => waiting.push({ scope, start }))
    else running.push(scope)
    try {
      return await action()
    } finally {
      running.splice(running.indexOf(scope), 1)
      startNext()
    }
  }

  return {
    run,
    current() {
      const latest = running.at(-1)
      if (latest === undefined || running.length === 1) return latest
      return { ...latest, inFlight: [...new Set(running.flatMap(scope => scope.inFlight))] }
    },
  }
}

/** True for a handler that runs within another one's call: the chain then names both. */
const isCaused = ({ inFlight }: Scope): boolean => inFlight.length > 1

const haveSameConfig = (a: Scope, b: Scope): boolean =>
  a.config === b.config || JSON.stringify(a.config) === JSON.stringify(b.config)
