// Makes a running guest out of a tier, a channel, a peer and the broker: the one place where they meet.
import { GatewayError } from '../../src/contract/errors.ts'
import { type GuestCall, hostCalls, hostEvents } from '../../src/contract/frames.ts'
import { DEFAULT_CPU_MS } from '../../src/contract/grants.ts'
import type { SearchQuery } from '../../src/contract/search.ts'
import type { Broker } from '../broker/broker.ts'
import type { Clock } from '../clock.ts'
import type { Logger } from '../log.ts'
import { type PeerEvent, type PeerMethod, parsed, parsedEvent } from '../rpc/method.ts'
import { createPeer } from '../rpc/peer.ts'
import type { TierHost } from '../tiers/tier.ts'
import type { TierWish } from '../tiers/tiers.ts'
import { createCpuWatch } from './cpu-watch.ts'
import { PING_TIMEOUT_MS } from './end-phase.ts'
import type { GuestConnection, GuestLogLine, OpenGuest } from './guest-connection.ts'

/** Asks a plugin's search provider; the answer is the plugin's word. */
export type AskSearch = (query: SearchQuery, options: { timeoutMs: number }) => Promise<unknown>

/** What a guest says before anybody listens is nothing: its code is loaded by the first call. */
const nobody = () => {}

export function createOpenGuest(deps: {
  /** The tier that a plugin runs in; throws `plugin_isolation_missing` where it may not run at all. */
  tierFor(wish: TierWish): TierHost
  broker: Broker
  clock: Clock
  log: Logger
  /** Takes a plugin's search provider; gives the undo. Without it nobody asks plugins to search. */
  offerSearch?(pluginId: string, ask: AskSearch): () => void
}): OpenGuest {
  const { tierFor, broker, clock, log } = deps

  return async (options): Promise<GuestConnection> => {
    const { pluginId, packageDir, asked, bundled = false, powers, onOutput } = options
    const { memoryMb, cpuMs, filesystem } = powers
    const host = tierFor({ pluginId, asked, bundled })
    // A grant that would not be in force must not look as if it were.
    if (filesystem.read.length + filesystem.write.length > 0 && !host.givesPaths)
      throw new GatewayError(
        'plugin_isolation_missing',
        `The tier ${host.tier} shows a plugin no files but its own package here: the paths that were granted cannot be given`,
      )
    const guest = await host.open({ pluginId, packageDir, memoryMb, filesystem, onOutput })
    // Who calls is known from here on by the connection; nothing in a frame says it.
    const access = broker.connect(pluginId)
    let subscribed: (subscription: { event: string; priority: number }) => void = nobody
    let logged: (line: GuestLogLine) => void = nobody
    let withdrawSearch: () => void = nobody
    const peer = createPeer({
      channel: guest.channel,
      remote: 'guest',
      clock,
      methods: new Map<string, PeerMethod>([
        ['capability', parsed(hostCalls.capability.params, (params, call) => access.call(params, call))],
      ]),
      events: new Map<string, PeerEvent>([
        ['subscribe', parsedEvent(hostEvents.subscribe.params, params => subscribed(params))],
        // Which routes there are the manifest says; one without a handler fails its deliveries in the guest.
        ['registerWebhook', parsedEvent(hostEvents.registerWebhook.params, nobody)],
        [
          'registerSearchProvider',
          parsedEvent(hostEvents.registerSearchProvider.params, () => {
            withdrawSearch()
            withdrawSearch =
              deps.offerSearch?.(pluginId, (query, options) => call('search', { query }, options)) ?? nobody
          }),
        ],
        [
          'log',
          parsedEvent(hostEvents.log.params, ({ level, message, meta }) =>
            logged(meta === undefined ? { level, message } : { level, message, meta }),
          ),
        ],
      ]),
      onViolation: what => log.warn({ plugin: pluginId, what }, 'A plugin broke the protocol'),
      onFault: (method, err) =>
        log.error({ plugin: pluginId, method, err }, 'A call of a plugin failed here'),
    })
    const cpuWatch = createCpuWatch({
      clock,
      cpuMs: async () => (await guest.usage())?.cpuMs ?? null,
      idleLimitMs: cpuMs,
      ping: () => peer.call('ping', {}, { timeoutMs: PING_TIMEOUT_MS }),
      exceeded: reason => guest.channel.close(reason),
    })
    const call: GuestConnection['call'] = (method, params, options) =>
      cpuWatch.during({ what: method, limitMs: cpuLimit(method, cpuMs) }, () =>
        peer.call(method, params, options),
      )
    void peer.closed.then(() => {
      cpuWatch[Symbol.dispose]()
      access.close()
      withdrawSearch()
    })

    return {
      call,
      onSubscribe(listener) {
        subscribed = listener
      },
      onLog(listener) {
        logged = listener
      },
      resolveMain: main => guest.resolveMain(main),
      closed: peer.closed,
      usage: () => guest.usage(),
      async [Symbol.asyncDispose]() {
        access.close()
        await guest[Symbol.asyncDispose]()
      },
    }
  }
}

/** `limits.cpuMs` is for what comes again and again. Loading and switching off happen once, and may take the usual time. */
const cpuLimit = (method: GuestCall, cpuMs: number): number =>
  method === 'hook' || method === 'webhook' || method === 'search' ? cpuMs : Math.max(cpuMs, DEFAULT_CPU_MS)
