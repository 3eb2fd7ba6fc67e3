// The life of one plugin: started, stopped, started again when it dies, switched off when it dies too often. It knows no
// verbs and no tiers; what a plugin is and where its row lies, it is told.
import { GatewayError, toGatewayError } from '../../src/contract/errors.ts'
import type { LifecyclePhase, PluginConfig } from '../../src/contract/frames.ts'
import type { Powers } from '../../src/contract/grants.ts'
import { isHookName } from '../../src/contract/hooks.ts'
import type { PluginRuntime, RuntimeState, Tier } from '../../src/contract/plugin-view.ts'
import type { Clock } from '../clock.ts'
import type { Chain, HookDispatch } from '../hooks/chain.ts'
import type { Logger } from '../log.ts'
import { endPhase, PING_TIMEOUT_MS } from './end-phase.ts'
import type { GuestConnection, OpenGuest } from './guest-connection.ts'
import { createPluginLog, escapeLine } from './plugin-log.ts'
import { judgeCrash, REMEMBERED_CRASHES } from './restart-policy.ts'
import type { Transition } from './trail.ts'

/** OpenWA's budget for each phase; loading counts into onLoad. */
export const PHASE_TIMEOUT_MS = 30_000

/** Registrations of one plugin: each costs a call for each event. */
const MAX_SUBSCRIPTIONS = 64

/** Text of a failure in rows and answers. */
const MAX_ERROR_TEXT = 1_000

/** What is needed to run a plugin, read and proven at each start. */
export interface LoadedPlugin {
  packageDir: string
  /** The tier that its manifest asks for; null for none. */
  asked: Tier | null
  /** It came with the gateway. */
  bundled?: boolean
  main: string
  config: PluginConfig
  /** Hooks that it guards: what it cannot answer is refused there. */
  failClosed: readonly string[]
  /** What it was given to run with. */
  powers: Powers
  env: Readonly<Record<string, string>>
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
  /** It does not run any more although it should; `error` is the text for the operator, `crashes` what to remember. */
  onFailed(error: string, crashes: readonly number[]): Promise<void>
  /** Each change of its state, or of the reason for it. */
  onTransition?(transition: Transition): void
  /** When it crashed before this gateway started, the newest last. */
  crashes?: readonly number[]
  /** A hook was not answered in time or well. */
  onHookFailure?(error: GatewayError): void
}

export interface PluginHost {
  runtime(): PluginRuntime
  /** The running guest, if there is one. */
  guest(): GuestConnection | null
  /** Whether any code of it may be at work, also while it is started or stopped. */
  isOpen(): boolean
  /** It guards a hook and is down: the chain must ask it all the same, and is refused. */
  isBlocking(): boolean
  /** Refuses what it guards until it runs, or is stopped: for a guard that should run and cannot be started. */
  block(hooks: readonly string[]): void
  /** Stays off, for a reason that is older than this gateway's start. */
  hold(why: string): void
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
  let runtime: PluginRuntime = {
    state: 'stopped',
    reason: null,
    since: clock.now(),
    restarts: 0,
    lastError: null,
  }
  let current: GuestConnection | null = null
  const offs: (() => void)[] = []
  /** Stand in for a guard that crashed, until it runs again or the operator takes it off. */
  const blocks: (() => void)[] = []
  let failClosed: readonly string[] = []
  let crashes: readonly number[] = deps.crashes ?? []
  let cancelRestart = () => {}
  let queue: Promise<unknown> = Promise.resolve()

  /** One step of the life after the other, so that a restart and a stop never overlap. */
  function inOrder<T>(step: () => Promise<T>): Promise<T> {
    const done = queue.then(step, step)
    queue = done.catch(() => {})
    return done
  }

  function become(
    state: RuntimeState,
    reason: string | null,
    more: Partial<PluginRuntime> & { crash?: string } = {},
  ) {
    const { crash, ...rest } = more
    const before = runtime
    runtime = { ...runtime, ...rest, state, reason, since: clock.now() }
    if (state === before.state && reason === before.reason && runtime.lastError === before.lastError) return
    deps.onTransition?.({ runtime, ...(crash !== undefined && { crash }) })
  }

  function subscribe(guest: GuestConnection, event: string, priority: number) {
    const name = escapeLine(event.slice(0, 64))
    if (current !== guest) return
    if (!isHookName(event)) return log.warn(`Asked for ${name}, which is no hook; it is never called for it`)
    if (offs.length >= MAX_SUBSCRIPTIONS) return log.warn(`Registered more than ${MAX_SUBSCRIPTIONS} hooks`)
    const handler = (dispatch: HookDispatch) => handle(guest, dispatch)
    offs.push(chain.on(event, { pluginId, priority, handler, failClosed: failClosed.includes(event) }))
  }

  /** What a guard would have judged must not pass unjudged while it is down. */
  function block(hooks: readonly string[]) {
    unblock()
    const handler = async () => {
      throw new GatewayError('plugin_crashed', 'is down, and guards this hook')
    }
    for (const event of hooks)
      if (isHookName(event))
        blocks.push(chain.on(event, { pluginId, priority: 0, handler, failClosed: true }))
  }
  function unblock() {
    for (const off of blocks.splice(0)) off()
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
      const { main, config, env, failClosed: guarded, ...opening } = await deps.load()
      failClosed = guarded
      guest = await deps.openGuest({ ...opening, pluginId, onOutput: pluginLog.output })
      const opened = guest
      if (isKilled()) throw killed()
      current = opened
      opened.onSubscribe(({ event, priority }) => subscribe(opened, event, priority))
      opened.onLog(pluginLog.line)
      const started = clock.elapsed()
      const modules = [...opening.powers.modules]
      const params = { pluginId, main: opened.resolveMain(main), config, env: { ...env }, modules }
      await opened.call('load', params, { timeoutMs: PHASE_TIMEOUT_MS })
      const left = Math.max(1, PHASE_TIMEOUT_MS - (clock.elapsed() - started))
      await opened.call('lifecycle', { phase: 'onLoad' }, { timeoutMs: left })
      await opened.call('lifecycle', { phase: 'onEnable' }, { timeoutMs: PHASE_TIMEOUT_MS })
      await deps.onRunning({ byItself })
      if (isKilled()) throw killed()
    } catch (thrown) {
      await release(guest)
      throw isKilled() ? killed() : thrown
    }
    unblock()
    become('running', null, { lastError: null, restarts: runtime.restarts + (byItself ? 1 : 0) })
    void guest.closed.then(reason => crashed(guest, reason))
  }

  /** Called for the end of any guest; one that was let go of is not a crash. */
  async function crashed(guest: GuestConnection, reason: GatewayError) {
    if (current !== guest || runtime.state !== 'running') return
    // At once, so that nothing is sent to the dead and no second cause is counted.
    become('armed', 'crashed')
    block(failClosed)
    await inOrder(async () => {
      await release(guest)
      await afterCrash(reason)
    }).catch((error: unknown) => log.error({ err: error }, 'A crash could not be recorded'))
  }

  async function afterCrash(thrown: unknown) {
    if (isKilled()) return
    const text = errorText(thrown)
    const crash = toGatewayError(thrown).code
    crashes = [...crashes, clock.now()].slice(-REMEMBERED_CRASHES)
    const verdict = judgeCrash(crashes)
    if (verdict.restart) {
      const seconds = Math.round(verdict.delayMs / 1_000)
      become('backing off', `crashed; starts again in ${seconds} s`, { lastError: text, crash })
      cancelRestart = clock.after(verdict.delayMs, () => void inOrder(restart))
    } else become('failed', verdict.why, { lastError: text, crash })
    log.warn({ err: thrown, runtime }, 'The plugin crashed')
    const error = verdict.restart ? `Crashed: ${text}` : `Crashed: ${text}; ${verdict.why}`
    await deps.onFailed(error, crashes).catch((cause: unknown) =>
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
    isBlocking: () => blocks.length > 0,
    block,
    hold: why => become('failed', why),

    start: () =>
      inOrder(async () => {
        if (runtime.state === 'running') return
        cancelRestart()
        runtime = { ...runtime, restarts: 0 }
        try {
          await launch(false)
        } catch (thrown) {
          const error = toGatewayError(thrown)
          if (isKilled()) throw error
          const text = errorText(error)
          become('failed', 'could not be started', { lastError: text })
          log.warn({ err: thrown }, 'The plugin could not be started')
          await deps.onFailed(text, crashes)
          throw error
        }
      }),

    stop: (phases, { phaseTimeoutMs = PHASE_TIMEOUT_MS } = {}) =>
      inOrder(async () => {
        cancelRestart()
        const guest = current
        const wasRunning = runtime.state === 'running'
        unblock()
        become('stopped', null)
        for (const phase of guest && wasRunning ? phases : [])
          try {
            if (guest) await endPhase({ guest, clock, phase, timeoutMs: phaseTimeoutMs })
          } catch (thrown) {
            become('stopped', null, { lastError: `${phase}: ${errorText(thrown)}` })
            log.warn({ err: thrown, phase }, 'The plugin failed while it was stopped')
          }
        await release(guest)
      }),

    async kill() {
      cancelRestart()
      unblock()
      if (runtime.state !== 'stopped') become('stopped', 'killed')
      await release(current)
    },
  }
}

/** What a failure says to the operator: the plugin's own text in one line, and nothing of a nameless fault of ours. */
export function errorText(thrown: unknown): string {
  return escapeLine(toGatewayError(thrown).message).slice(0, MAX_ERROR_TEXT)
}
