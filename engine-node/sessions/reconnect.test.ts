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
    reconnect.later(() => {
      tries += 1
    }, floorMs)
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
