// The life of one plugin: started, stopped, started again when it dies, switched off when it dies too often. It knows no
// verbs and no tiers; what a plugin is and where its row lies, it is told.
import { GatewayError, toGatewayError } from '../../src/contract/errors.ts'
import type { LifecyclePhase, PluginConfig } from '../../src/contract/frames.ts'
import { isHookName } from '../../src/contract/hooks.ts'
import type { Clock } from '../clock.ts'
import type { Chain, HookDispatch } from '../hooks/chain.ts'
import type { Logger } from '../log.ts'
import type { GuestConnection, OpenGuest } from './guest-connection.ts'
import { createPluginLog, escapeLine } from './plugin-log.ts'
import { judgeCrash, REMEMBERED_CRASHES } from './restart-policy.ts'

/** OpenWA's budget for each phase; loading counts into onLoad. */
export const PHASE_TIMEOUT_MS = 30_000

/** After a late hook: a guest that does not even answer this is stuck, not slow. */
export const PING_TIMEOUT_MS = 5_000

/** Registrations of one plugin: each costs a call for each event. */
const MAX_SUBSCRIPTIONS = 64

/** Text of a failure in rows and answers. */
const MAX_ERROR_TEXT = 1_000

export type RuntimeState = 'stopped' | 'armed' | 'running' | 'backing off' | 'failed'

/** What a plugin is doing, for people: `armed` is wanted and not there yet. Times are epoch milliseconds. */
export interface Runtime {
  state: RuntimeState
  reason: string | null
  since: number
  /** Restarts after crashes, since the operator last enabled it. */
  restarts: number
  lastError: string | null
}

/** What is needed to run a plugin, read and proven at each start. */
export interface LoadedPlugin {
  packageDir: string
  main: string
  config: PluginConfig
}

export interface PluginHostDeps {
  pluginId: string
  load(): Promise<LoadedPlugin>
  openGuest: OpenGuest
  chain: Pick<Chain, 'on'>
  clock: Clock
  log: Logger
  /** It runs; when this rejects it is stopped again. `byItself` after a crash. */
  onRunning(start: { byItself: boolean }): Promise<void>
  /** It does not run any more although it should; `error` is the text for the operator. */
  onFailed(error: string): Promise<void>
  /** A hook was not answered in time or well. */
  onHookFailure?(error: GatewayError): void
}

export interface PluginHost {
  runtime(): Runtime
  /** The running guest, if there is one. */
  guest(): GuestConnection | null
  /** Whether any code of it may be at work, also while it is started or stopped. */
  isOpen(): boolean
  /** Resolves when it runs. Rejects with what went wrong, after everything of the attempt is gone. */
  start(): Promise<void>
  /** Runs the phases within the budget, ends the guest for certain, and forgets restarts. What a phase throws is recorded. */
  stop(phases: readonly LifecyclePhase[], options?: { phaseTimeoutMs?: number }): Promise<void>
  /** Ends the guest at once, asking nobody. */
  kill(): Promise<void>
}

export function createPluginHost(deps: PluginHostDeps): PluginHost {
  const { pluginId, clock, chain } = deps
  const log = deps.log.child({ plugin: pluginId })
  const pluginLog = createPluginLog({ pluginId, log: deps.log, now: clock.now })
  let runtime: Runtime = {
    state: 'stopped',
    reason: null,
    since: clock.now(),
    restarts: 0,
    lastError: null,
  }
  let current: GuestConnection | null = null
  const offs: (() => void)[] = []
  let crashes: number[] = []
  let cancelRestart = () => {}
  let queue: Promise<unknown> = Promise.resolve()

  /** One step of the life after the other, so that a restart and a stop never overlap. */
  function inOrder<T>(step: () => Promise<T>): Promise<T> {
    const done = queue.then(step, step)
    queue = done.catch(() => {})
    return done
  }

  function become(state: RuntimeState, reason: string | null, more: Partial<Runtime> = {}) {
    runtime = { ...runtime, ...more, state, reason, since: clock.now() }
  }

  function subscribe(guest: GuestConnection, event: string, priority: number) {
    const name = escapeLine(event.slice(0, 64))
    if (current !== guest) return
    if (!isHookName(event)) return log.warn(`Asked for ${name}, which is no hook; it is never called for it`)
    if (offs.length >= MAX_SUBSCRIPTIONS) return log.warn(`Registered more than ${MAX_SUBSCRIPTIONS} hooks`)
    offs.push(chain.on(event, { pluginId, priority, handler: dispatch => handle(guest, dispatch) }))
  }

  async function handle(guest: GuestConnection, { timeoutMs, ...params }: HookDispatch): Promise<unknown> {
    try {
      return await guest.call('hook', { ...params, inFlight: [...params.inFlight] }, { timeoutMs })
    } catch (thrown) {
      const error = toGatewayError(thrown)
      deps.onHookFailure?.(error)
      if (error.code === 'plugin_timeout') void proveAlive(guest)
      throw error
    }
  }

  /** A late handler may still be at work; a guest that misses a ping never comes back by itself. */
  async function proveAlive(guest: GuestConnection) {
    try {
      await guest.call('ping', {}, { timeoutMs: PING_TIMEOUT_MS })
    } catch (cause) {
      const text = `did not answer a ping within ${PING_TIMEOUT_MS / 1_000} s after a late hook`
      await crashed(guest, new GatewayError('plugin_crashed', text, { cause }))
    }
  }

  /** Ends what there is of the guest; nothing of it is called or heard afterwards. */
  async function release(guest: GuestConnection | null) {
    for (const off of offs.splice(0)) off()
    current = null
    await guest?.[Symbol.asyncDispose]()
  }

  /** `kill` does not wait for its turn, so every step that took time must look again. */
  const isKilled = () => runtime.state === 'stopped'
  const killed = () =>
    new GatewayError('plugin_stopped', `Plugin ${pluginId} was stopped while it was started`)

  async function launch(byItself: boolean): Promise<void> {
    become('armed', byItself ? 'starting again after a crash' : 'being enabled')
    let guest: GuestConnection | null = null
    try {
      const { packageDir, main, config } = await deps.load()
      guest = await deps.openGuest({ pluginId, packageDir, onOutput: pluginLog.output })
      const opened = guest
      if (isKilled()) throw killed()
      current = opened
      opened.onSubscribe(({ event, priority }) => subscribe(opened, event, priority))
      opened.onLog(pluginLog.line)
      const started = clock.now()
      const params = { pluginId, main: opened.resolveMain(main), config }
      await opened.call('load', params, { timeoutMs: PHASE_TIMEOUT_MS })
      const left = Math.max(1, PHASE_TIMEOUT_MS - (clock.now() - started))
      await opened.call('lifecycle', { phase: 'onLoad' }, { timeoutMs: left })
      await opened.call('lifecycle', { phase: 'onEnable' }, { timeoutMs: PHASE_TIMEOUT_MS })
      await deps.onRunning({ byItself })
      if (isKilled()) throw killed()
    } catch (thrown) {
      await release(guest)
      throw isKilled() ? killed() : thrown
    }
    become('running', null, { lastError: null, restarts: runtime.restarts + (byItself ? 1 : 0) })
    void guest.closed.then(reason => crashed(guest, reason))
  }

  /** Called for the end of any guest; one that was let go of is not a crash. */
  async function crashed(guest: GuestConnection, reason: GatewayError) {
    if (current !== guest || runtime.state !== 'running') return
    // At once, so that nothing is sent to the dead and no second cause is counted.
    become('armed', 'crashed')
    await inOrder(async () => {
      await release(guest)
      await afterCrash(reason)
    }).catch((error: unknown) => log.error({ err: error }, 'A crash could not be recorded'))
  }

  async function afterCrash(thrown: unknown) {
    if (isKilled()) return
    const text = errorText(thrown)
    crashes = [...crashes, clock.now()].slice(-REMEMBERED_CRASHES)
    const verdict = judgeCrash(crashes)
    if (verdict.restart) {
      const seconds = Math.round(verdict.delayMs / 1_000)
      become('backing off', `crashed; starts again in ${seconds} s`, { lastError: text })
      cancelRestart = clock.after(verdict.delayMs, () => void inOrder(restart))
    } else become('failed', verdict.why, { lastError: text })
    log.warn({ err: thrown, runtime }, 'The plugin crashed')
    const error = verdict.restart ? `Crashed: ${text}` : `Crashed: ${text}; ${verdict.why}`
    await deps.onFailed(error).catch((cause: unknown) =>
      // The plugin's state in memory is right; the row follows with the next change.
      log.error({ err: cause }, 'The row of a crashed plugin could not be written'),
    )
  }

  async function restart() {
    // A stop that came first has taken the plugin out of this state.
    if (runtime.state !== 'backing off') return
    await launch(true).catch(afterCrash)
  }

  return {
    runtime: () => runtime,
    guest: () => (runtime.state === 'running' ? current : null),
    isOpen: () => current !== null,

    start: () =>
      inOrder(async () => {
        if (runtime.state === 'running') return
        cancelRestart()
        crashes = []
        runtime = { ...runtime, restarts: 0 }
        try {
          await launch(false)
        } catch (thrown) {
          const error = toGatewayError(thrown)
          if (isKilled()) throw error
          const text = errorText(error)
          become('failed', 'could not be started', { lastError: text })
          log.warn({ err: thrown }, 'The plugin could not be started')
          await deps.onFailed(text)
          throw error
        }
      }),

    stop: (phases, { phaseTimeoutMs = PHASE_TIMEOUT_MS } = {}) =>
      inOrder(async () => {
        cancelRestart()
        const guest = current
        const wasRunning = runtime.state === 'running'
        become('stopped', null)
        for (const phase of guest && wasRunning ? phases : [])
          try {
            await guest?.call('lifecycle', { phase }, { timeoutMs: phaseTimeoutMs })
          } catch (thrown) {
            become('stopped', null, { lastError: `${phase}: ${errorText(thrown)}` })
            log.warn({ err: thrown, phase }, 'The plugin failed while it was stopped')
          }
        await release(guest)
      }),

    async kill() {
      cancelRestart()
      become('stopped', 'killed')
      await release(current)
    },
  }
}

/** What a failure says to the operator: the plugin's own text in one line, and nothing of a nameless fault of ours. */
export function errorText(thrown: unknown): string {
  return escapeLine(toGatewayError(thrown).message).slice(0, MAX_ERROR_TEXT)
}
