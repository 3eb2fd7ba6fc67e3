import * as v from 'valibot'
import { describe, expect, it, vi } from 'vitest'
import { GatewayError } from '../../src/contract/errors.ts'
import type { Frame } from '../../src/contract/frames.ts'
import { createFakeClock } from '../../test/support/fake-clock.ts'
import { UNASKED_BURST, UNASKED_PER_SECOND } from './flood-gate.ts'
import { createLinkedPair } from './memory-channel.ts'
import { type InboundCall, type PeerMethod, parsed } from './method.ts'
import { createPeer, MAX_VIOLATIONS } from './peer.ts'

/** A peer for a guest, and the guest's bare end of the channel. */
function start(
  methods: Record<string, PeerMethod> = {},
  events: Record<string, (params: unknown) => void> = {},
) {
  const [near, far] = createLinkedPair()
  const clock = createFakeClock()
  const violations: string[] = []
  const faults: unknown[] = []
  const peer = createPeer({
    channel: near,
    remote: 'guest',
    methods: new Map(Object.entries(methods)),
    events: new Map(Object.entries(events)),
    clock,
    onViolation: what => violations.push(what),
    onFault: (_, thrown) => faults.push(thrown),
  })
  const send = (frame: object) => far.send(frame as Frame)
  const ask = async (method: string, params?: unknown, id = 1) => {
    send({ t: 'call', id, method, params })
    return await far.receive()
  }
  return { peer, clock, far, send, ask, violations, faults }
}

/** Lets everything that was sent be read and answered. */
const settle = () => new Promise(resolve => setImmediate(resolve))
const options = { timeoutMs: 1_000 }

describe('calls to the other side', () => {
  it('settle by id, in whatever order the answers come', async () => {
    const { peer, far, send } = start()
    const calls = [peer.call('a', 1, options), peer.call('b', 2, options)]
    expect(await far.receive()).toEqual({ t: 'call', id: 1, method: 'a', params: 1 })
    expect(await far.receive()).toEqual({ t: 'call', id: 2, method: 'b', params: 2 })
    send({ t: 'result', id: 2, value: 'second' })
    send({ t: 'error', id: 1, error: { code: 'address_blocked', message: 'no' } })
    expect(await calls[1]).toBe('second')
    // A guest cannot borrow the gateway's own codes.
    await expect(calls[0]).rejects.toMatchObject({
      code: 'plugin_failed',
      message: 'no',
      details: { pluginCode: 'address_blocked' },
    })
  })

  it('are withdrawn at their deadline; a late answer is ignored, one more is a violation', async () => {
    const { peer, clock, far, send, violations } = start()
    const call = peer.call('slow', null, options)
    clock.advance(999)
    clock.advance(1)
    await expect(call).rejects.toMatchObject({ code: 'plugin_timeout' })
    await far.receive()
    expect(await far.receive()).toEqual({ t: 'cancel', id: 1 })
    send({ t: 'result', id: 1, value: 'late' })
    await settle()
    expect(violations).toEqual([])
    send({ t: 'result', id: 1, value: 'again' })
    await settle()
    expect(violations).toEqual(['answered a call that was not made'])
  })

  it('are withdrawn by their signal, and not made at all after it', async () => {
    const { peer, clock, far } = start()
    const controller = new AbortController()
    const call = peer.call('slow', null, { ...options, signal: controller.signal })
    controller.abort(new GatewayError('plugin_stopped', 'stop'))
    await expect(call).rejects.toMatchObject({ code: 'plugin_stopped' })
    expect([await far.receive(), await far.receive()]).toMatchObject([{ t: 'call' }, { t: 'cancel' }])
    await expect(peer.call('a', null, { ...options, signal: controller.signal })).rejects.toThrow('stop')
    expect(clock.pending).toBe(0)
  })

  it('are all rejected with the close reason, and none can be made after it', async () => {
    const { peer, clock, far } = start()
    const calls = [1, 2, 3].map(n => peer.call('a', n, options))
    far.close(new GatewayError('plugin_crashed', 'gone'))
    for (const call of calls) await expect(call).rejects.toMatchObject({ code: 'channel_closed' })
    await expect(peer.call('a', 4, options)).rejects.toMatchObject({ code: 'channel_closed' })
    expect(clock.pending).toBe(0)
  })

  it('reject at once when the params cannot be sent', async () => {
    const { peer, clock } = start()
    await expect(peer.call('a', 1n, options)).rejects.toMatchObject({ code: 'frame_invalid' })
    expect(clock.pending).toBe(0)
  })
})

describe('calls from the other side', () => {
  it('answer values, and errors by code and text alone', async () => {
    const { ask, faults } = start({
      now: () => 1,
      later: async () => 2,
      denied: () => {
        throw new GatewayError('capability_denied', 'not yours', {
          details: { secret: 's' },
          cause: new Error('c'),
        })
      },
      broken: async () => {
        throw new Error('/secret/path')
      },
      unsendable: () => 1n,
    })
    expect(await ask('now')).toEqual({ t: 'result', id: 1, value: 1 })
    expect(await ask('later')).toEqual({ t: 'result', id: 1, value: 2 })
    expect(await ask('denied')).toEqual({
      t: 'error',
      id: 1,
      error: { code: 'capability_denied', message: 'not yours' },
    })
    expect(await ask('broken')).toEqual({
      t: 'error',
      id: 1,
      error: { code: 'internal', message: 'Internal server error' },
    })
    expect(faults).toEqual([new Error('/secret/path')])
    expect(await ask('unsendable')).toMatchObject({ t: 'error', error: { code: 'frame_invalid' } })
  })

  it.each(['nothing', '__proto__', 'constructor', 'toString', 'hasOwnProperty', 'valueOf'])(
    'find no method named %s',
    async method => {
      const { ask, violations } = start({ now: () => 1 })
      expect(await ask(method)).toMatchObject({ t: 'error', error: { code: 'frame_invalid' } })
      expect(violations).toHaveLength(1)
    },
  )

  it('have their params parsed before the method sees them', async () => {
    const handle = vi.fn(() => null)
    const { ask, violations } = start({ take: parsed(v.strictObject({ n: v.number() }), handle) })
    expect(await ask('take', { n: 1, pluginId: 'other' })).toMatchObject({ error: { code: 'frame_invalid' } })
    expect(handle).not.toHaveBeenCalled()
    expect(await ask('take', { n: 1 })).toMatchObject({ t: 'result' })
    expect(handle).toHaveBeenCalledWith({ n: 1 }, expect.anything())
    expect(violations).toHaveLength(1)
  })

  it('abort their signal when they are withdrawn, and when the channel closes', async () => {
    const calls: InboundCall[] = []
    const { send, far } = start({
      wait(_, call) {
        calls.push(call)
        return new Promise(() => {})
      },
    })
    for (const id of [1, 2, 3]) send({ t: 'call', id, method: 'wait' })
    await settle()
    expect(calls[0]?.signal.aborted).toBe(false)
    send({ t: 'cancel', id: 1 })
    send({ t: 'cancel', id: 2 })
    await settle()
    expect(calls.map(call => call.signal.aborted)).toEqual([true, true, false])
    far.close(new GatewayError('plugin_crashed', 'gone'))
    await settle()
    expect(calls[2]?.signal.reason).toMatchObject({ code: 'channel_closed' })
  })

  it('may not use the id of an open one', async () => {
    const { send, violations } = start({ wait: () => new Promise(() => {}) })
    send({ t: 'call', id: 1, method: 'wait' })
    send({ t: 'call', id: 1, method: 'wait' })
    await settle()
    expect(violations).toHaveLength(1)
  })
})

describe('a guest that breaks the rules', () => {
  it('is closed after so many violations, and no sooner', async () => {
    const { peer, send } = start()
    const closed = vi.fn()
    void peer.closed.then(closed)
    for (let n = 0; n < MAX_VIOLATIONS; n += 1) send({ t: 'event', method: 'nonsense' })
    await settle()
    expect(closed).not.toHaveBeenCalled()
    send({ t: 'result', id: 77 })
    await settle()
    expect(closed).toHaveBeenCalledWith(expect.objectContaining({ code: 'plugin_misbehaved' }))
  })

  it('is closed when it floods, not when it keeps to the rate', async () => {
    const { peer, clock, send } = start({}, { tick: () => {} })
    const closed = vi.fn()
    void peer.closed.then(closed)
    const burst = async (count: number) => {
      for (let left = count; left > 0; left -= 1_000) {
        for (let n = 0; n < Math.min(left, 1_000); n += 1) send({ t: 'event', method: 'tick' })
        await settle()
      }
    }
    await burst(UNASKED_BURST)
    clock.advance(500)
    await burst(UNASKED_PER_SECOND / 2)
    expect(closed).not.toHaveBeenCalled()
    await burst(1)
    expect(closed).toHaveBeenCalledWith(expect.objectContaining({ code: 'plugin_misbehaved' }))
  })

  it('hears nothing of a fault in the host, which closes the channel', async () => {
    const { peer, send, faults } = start(
      {},
      {
        tick: () => {
          throw new Error('bug')
        },
      },
    )
    send({ t: 'event', method: 'tick' })
    expect(await peer.closed).toMatchObject({ code: 'internal' })
    expect(faults).toEqual([new Error('bug')])
  })
})
