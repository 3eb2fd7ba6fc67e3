import { describe, expect, it } from 'vitest'
import type { SessionConfig } from '../../src/contract/session.ts'
import { createFakeClock } from '../../test/support/fake-clock.ts'
import { createReconnect } from './reconnect.ts'

const lost = { code: 428, isPaired: true, heldMs: 0 }

function createOne(config: SessionConfig | null = null) {
  const clock = createFakeClock()
  const reconnect = createReconnect({ clock, random: () => 0.999_999, config: () => config })
  let tries = 0
  const later = (floorMs?: number) =>
    reconnect.later(
      () => {
        tries += 1
      },
      { ...(floorMs !== undefined && { floorMs }) },
    )
  return { clock, reconnect, later, tries: () => tries }
}

describe('reconnect', () => {
  it('waits for the back-off and the floor together', () => {
    const { clock, later, tries } = createOne()
    expect(later(5_000)).toBe(5_999)
    clock.advance(5_998)
    expect(tries()).toBe(0)
    clock.advance(1)
    expect(tries()).toBe(1)
  })

  it('keeps to the limit of tries and the first wait of the session', () => {
    const { clock, later, tries } = createOne({ maxReconnectAttempts: 2, reconnectBaseDelay: 4_000 })
    later()
    clock.advance(3_000)
    expect(tries()).toBe(0)
    clock.advance(1_000)
    later()
    clock.advance(8_000)
    expect(tries()).toBe(2)
    expect(later()).toBeNull()
    expect(clock.pending).toBe(0)
  })

  it('tries again at once after one restart, and counts a second one as trouble', () => {
    const { reconnect } = createOne()
    const restart = { code: 515, isPaired: true, heldMs: 0 }
    expect(reconnect.judge(restart)).toEqual({ action: 'reconnect' })
    expect(reconnect.judge(restart)).toMatchObject({ action: 'back-off' })
    expect(reconnect.judge({ ...restart, heldMs: 60_000 })).toEqual({ action: 'reconnect' })
  })

  it('does not wait for minutes after a fault of the gateway itself, and counts none', () => {
    const { reconnect } = createOne({ maxReconnectAttempts: 2 })
    const trouble = { reason: 'gateway_fault' } as const
    const waits = Array.from({ length: 6 }, () => reconnect.later(() => {}, { trouble }))
    expect(waits).toEqual([999, 1_999, 3_999, 7_999, 9_999, 9_999])
    expect(reconnect.attempts).toBe(0)
  })

  it('slows down in a storm: ten minutes of a server that closes after each second', () => {
    const { clock, reconnect } = createOne()
    let connections = 0
    const connect = () => {
      connections += 1
      clock.after(1_000, () => {
        expect(reconnect.judge({ code: 428, isPaired: true, heldMs: 1_000 })).toMatchObject({
          action: 'back-off',
        })
        reconnect.later(connect)
        // One wait, and no connection beside it.
        expect(clock.pending).toBe(1)
      })
    }
    connect()
    clock.advance(10 * 60_000)
    // 1 s for each connection, and waits of 1, 2, 4 … 256, 300 s between them.
    expect(connections).toBe(10)
    expect(reconnect.attempts).toBe(10)
  })

  it.each([3_600_000, -3_600_000, 10 * 365 * 86_400_000])(
    'waits as long when the hour is set by %i ms',
    ms => {
      const { clock, later, tries } = createOne()
      later(5_000)
      clock.step(ms)
      clock.advance(5_998)
      expect(tries()).toBe(0)
      clock.advance(1)
      expect(tries()).toBe(1)
    },
  )

  it('gives in to whoever takes the session over again and again, and is not thrown out in turn', () => {
    const { reconnect, later, clock, tries } = createOne()
    const replaced = { code: 440, isPaired: true, heldMs: 2_000 }
    for (let time = 1; time <= 3; time += 1) {
      const verdict = reconnect.judge(replaced)
      expect(verdict).toMatchObject({ action: 'back-off', floorMs: 30_000 })
      expect(later(30_000)).toBeGreaterThanOrEqual(30_000)
      clock.advance(40_000)
      expect(tries()).toBe(time)
    }
    expect(reconnect.judge(replaced)).toMatchObject({ action: 'stop', status: 'action_required' })
    expect(clock.pending).toBe(0)
  })

  it('waits once at a time, and can be called off', () => {
    const { clock, reconnect, later, tries } = createOne()
    reconnect.judge(lost)
    later()
    later()
    expect(clock.pending).toBe(1)
    reconnect.cancel()
    clock.advance(600_000)
    expect(tries()).toBe(0)
  })
})
