// Makes a running guest out of a tier, a channel, a peer and the broker: the one place where they meet.
import { hostCalls, hostEvents } from '../../src/contract/frames.ts'
import type { Broker } from '../broker/broker.ts'
import type { Clock } from '../clock.ts'
import type { Logger } from '../log.ts'
import { type PeerEvent, type PeerMethod, parsed, parsedEvent } from '../rpc/method.ts'
import { createPeer } from '../rpc/peer.ts'
import type { TierHost } from '../tiers/tier.ts'
import type { GuestConnection, GuestLogLine, OpenGuest } from './guest-connection.ts'

/** What a guest says before anybody listens is nothing: its code is loaded by the first call. */
const nobody = () => {}

export function createOpenGuest(deps: {
  /** The tier that a plugin runs in; throws `plugin_isolation_missing` where it may not run at all. */
  tierFor(pluginId: string): TierHost
  broker: Broker
  clock: Clock
  log: Logger
  /** Heap and buffers of one plugin, in MiB. */
  memoryMb: number
}): OpenGuest {
  const { tierFor, broker, clock, log, memoryMb } = deps

  return async ({ pluginId, packageDir, onOutput }): Promise<GuestConnection> => {
    const guest = await tierFor(pluginId).open({ pluginId, packageDir, memoryMb, onOutput })
    // Who calls is known from here on by the connection; nothing in a frame says it.
    const access = broker.connect(pluginId)
    let subscribed: (subscription: { event: string; priority: number }) => void = nobody
    let logged: (line: GuestLogLine) => void = nobody
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
    void peer.closed.then(() => access.close())

    return {
      call: (method, params, options) => peer.call(method, params, options),
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
