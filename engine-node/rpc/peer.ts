// Calls over a channel, in both directions. It reads the channel, hands each frame to where it belongs, and ends a guest
// that breaks the rules; names are looked up in tables and nowhere else.
import { GatewayError, toGatewayError } from '../../src/contract/errors.ts'
import type { Frame, FrameError } from '../../src/contract/frames.ts'
import type { Clock } from '../clock.ts'
import type { Channel } from './channel.ts'
import { createFloodGate } from './flood-gate.ts'
import { createInboundCalls } from './inbound-calls.ts'
import { isInvalidFrame, type PeerEvent, type PeerMethod, unknownMethod } from './method.ts'
import { type CallOptions, createOutboundCalls } from './outbound-calls.ts'

/** Frames against the rules that a guest may send before it is closed: a bug makes a few, an attack many (attack 31). */
export const MAX_VIOLATIONS = 20

export interface PeerDeps {
  channel: Channel
  /** Who is at the other end. A guest is hostile: its errors get one code, its violations are counted, its floods end it. */
  remote: 'guest' | 'host'
  methods: ReadonlyMap<string, PeerMethod>
  events: ReadonlyMap<string, PeerEvent>
  clock: Clock
  /** Hears of every frame against the rules, before the one too many closes the channel. */
  onViolation?: (what: string) => void
  /** Hears of what a method or event threw that has no name: a fault of this side, of which the other learns nothing. */
  onFault?: (method: string, thrown: unknown) => void
}

export interface Peer {
  /** Rejects with the other side's error, `plugin_timeout`, the signal's reason, or the close reason of the channel. */
  call(method: string, params: unknown, options: CallOptions): Promise<unknown>
  notify(method: string, params: unknown): void
  readonly closed: Promise<GatewayError>
}

export function createPeer(deps: PeerDeps): Peer {
  const { channel, remote, events, clock } = deps
  const inbound = createInboundCalls({ channel, methods: deps.methods, violation, onFault: deps.onFault })
  const outbound = createOutboundCalls({ channel, clock, violation })
  const isFlood = createFloodGate(clock.elapsed)
  let violations = 0

  function violation(what: string): void {
    if (remote === 'host') return
    violations += 1
    deps.onViolation?.(what)
    if (violations > MAX_VIOLATIONS)
      channel.close(
        new GatewayError('plugin_misbehaved', `Broke the protocol ${violations} times; last: ${what}`),
      )
  }

  function hear(method: string, params: unknown): void {
    const handle = events.get(method) ?? unknownMethod
    try {
      handle(params)
    } catch (thrown) {
      if (isInvalidFrame(thrown)) violation(thrown.message)
      else {
        deps.onFault?.(method, thrown)
        channel.close(toGatewayError(thrown))
      }
    }
  }

  function dispatch(frame: Frame): void {
    switch (frame.t) {
      case 'result':
        outbound.resolve(frame.id, frame.value)
        return
      case 'error':
        outbound.reject(frame.id, errorFrom(remote, frame.error))
        return
      case 'cancel':
        inbound.cancel(frame.id)
        break
      case 'call':
        inbound.serve(frame.id, frame.method, frame.params)
        break
      case 'event':
        hear(frame.method, frame.params)
        break
    }
    if (remote === 'guest' && isFlood())
      channel.close(new GatewayError('plugin_misbehaved', 'Sent more calls and events than it may'))
  }

  async function read(): Promise<void> {
    try {
      for (;;) dispatch(await channel.receive())
    } catch (thrown) {
      const reason = toGatewayError(thrown)
      channel.close(reason)
      outbound.end(reason)
      inbound.abortAll(reason)
    }
  }
  void read()

  return {
    call: outbound.call,
    notify: (method, params) => channel.send({ t: 'event', method, params }),
    closed: channel.closed,
  }
}

/** What a guest says of its failure is its own text under one code: it must not pass as a failure of the gateway. */
function errorFrom(remote: 'guest' | 'host', { code, message }: FrameError): GatewayError {
  if (remote === 'guest') return new GatewayError('plugin_failed', message, { details: { pluginCode: code } })
  return new GatewayError('capability_failed', message, { details: { code } })
}
