// One plugin inside its sandbox: answers the host's calls with the plugin's own functions. It runs in every tier alike and
// holds no power: whatever it or the plugin sends, the host judges.
import { GatewayError, toGatewayError } from '../../src/contract/errors.ts'
import type { GuestCall, GuestParams, HostEvent } from '../../src/contract/frames.ts'
import type { Clock } from '../clock.ts'
import type { Channel } from '../rpc/channel.ts'
import type { PeerMethod } from '../rpc/method.ts'
import { createPeer } from '../rpc/peer.ts'
import { createConfigView } from './config-view.ts'
import type { ContractFacts } from './contract-facts.ts'
import { errorText } from './error-text.ts'
import { encodeFetchArguments } from './fetch-arguments.ts'
import { createGuestLogger, type GuestLogger } from './guest-logger.ts'
import { createHookTable } from './hook-table.ts'
import { createLineBudget } from './line-budget.ts'
import { createPluginContext } from './plugin-context.ts'
import type { PluginObject } from './plugin-export.ts'
import type { ScopeStorage } from './scope.ts'
import { createSearchSlot } from './search-slot.ts'
import { createWebhookTable } from './webhook-table.ts'

export interface RuntimeDeps {
  channel: Channel
  clock: Clock
  scopes: ScopeStorage
  /** `modules` are those of Node's that it may load; absent for all that there are. */
  load(main: string, modules?: readonly string[]): Promise<PluginObject>
  facts: ContractFacts
}

/** Starts answering at once. The logger is for what the plugin fails at outside of any call. */
export function createRuntime(deps: RuntimeDeps): { logger: GuestLogger } {
  const { channel, clock, scopes, facts } = deps
  const config = createConfigView()
  const notify = (event: HostEvent, params: unknown) => peer.notify(event, params)
  const logger = createGuestLogger({
    budget: createLineBudget(clock.now),
    send: line => notify('log', line),
  })
  const hooks = createHookTable({
    facts,
    subscribe: (event, priority) => notify('subscribe', { event, priority }),
    warn: logger.warn,
    failed: (event, thrown) => logger.error(`A handler of ${event} failed`, thrown),
  })
  const webhooks = createWebhookTable({ announce: route => notify('registerWebhook', { route }) })
  const search = createSearchSlot({ announce: () => notify('registerSearchProvider', {}) })
  let plugin: PluginObject | null = null
  let context: object = {}
  let enabled = false

  /** Runs a handler where `ctx.config` and the calls it makes know what they belong to. */
  async function inScope<T>(
    scopeConfig: Record<string, unknown>,
    inFlight: readonly string[],
    handle: () => T | Promise<T>,
  ): Promise<T> {
    const scope = { config: scopeConfig, inFlight, running: true }
    try {
      return await scopes.run(scope, handle)
    } finally {
      scope.running = false
    }
  }

  function currentConfig(): Readonly<Record<string, unknown>> {
    const scope = scopes.current()
    return scope?.running ? scope.config : config.of(null)
  }

  /** Plugins get plain errors with the host's text; the host's own class is none of their business. */
  async function callCapability(verb: string, args: unknown[]): Promise<unknown> {
    try {
      const plain = verb === 'net.fetch' ? encodeFetchArguments(args) : args
      const params = { verb, args: plain, inFlight: scopes.current()?.inFlight ?? [] }
      return await peer.call('capability', params, { timeoutMs: facts.callTimeoutMs })
    } catch (thrown) {
      const { code, message, details } = toGatewayError(thrown)
      throw Object.assign(new Error(message), { code: details.code ?? code })
    }
  }

  /** Calls one of the plugin's own functions where it has it; what it throws becomes `plugin_failed` with its text. */
  async function callPlugin(name: string, ...args: unknown[]): Promise<unknown> {
    const method = plugin?.[name]
    if (typeof method !== 'function') return undefined
    try {
      return await Reflect.apply(method, plugin, args)
    } catch (cause) {
      throw new GatewayError('plugin_failed', errorText(cause), { cause })
    }
  }

  const answers: { [M in GuestCall]: (params: GuestParams<M>) => Promise<unknown> | unknown } = {
    async load(params) {
      if (plugin !== null) throw new GatewayError('plugin_failed', 'A plugin is loaded already')
      config.replace(params.config)
      context = createPluginContext({
        pluginId: params.pluginId,
        verbs: facts.verbs,
        call: callCapability,
        config: currentConfig,
        logger,
        registerHook: hooks.register,
        registerWebhook: webhooks.register,
        registerSearchProvider: search.register,
      })
      try {
        // In every tier there is a `process`, which is the plugin's own.
        Object.assign(process.env, params.env)
        plugin = await deps.load(params.main, params.modules)
      } catch (cause) {
        throw new GatewayError('plugin_failed', errorText(cause), { cause })
      }
      return null
    },
    async lifecycle({ phase }) {
      if (phase === 'onDisable') enabled = false
      await callPlugin(phase, context)
      if (phase === 'onEnable') enabled = true
      return null
    },
    hook({ event, data, sessionId, source, timestamp, inFlight = [] }) {
      const hookContext = {
        event,
        data,
        ...(sessionId === null ? {} : { sessionId }),
        timestamp: new Date(timestamp),
        source,
      }
      return inScope(config.of(sessionId), inFlight, () => hooks.run(hookContext))
    },
    async webhook({ route, request, config: routeConfig }) {
      await inScope(routeConfig, [], () => webhooks.run(route, request))
      return null
    },
    search: ({ query }) => inScope(config.of(query.sessionId ?? null), [], () => search.run(query)),
    configure(params) {
      config.replace(params.config)
      if (enabled)
        void callPlugin('onConfigChange', context, params.config.base).catch(thrown =>
          logger.error('onConfigChange failed', thrown),
        )
      return null
    },
    async health() {
      if (typeof plugin?.healthCheck !== 'function')
        return { healthy: true, message: 'Plugin does not implement health check' }
      return await callPlugin('healthCheck')
    },
    ping: () => null,
  }

  const peer = createPeer({
    channel,
    remote: 'host',
    methods: new Map(Object.entries(answers) as [string, PeerMethod][]),
    events: new Map(),
    clock,
  })
  return { logger }
}
