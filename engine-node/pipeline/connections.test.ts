import { describe, expect, it } from 'vitest'
import { createFakeClock } from '../../test/support/fake-clock.ts'
import { CONNECTED_WITHIN_MS, createConnections } from './connections.ts'

function createOne() {
  const clock = createFakeClock()
  const connections = createConnections({ clock })
  const waits = (sessionId: string) => {
    const outcome: { goesOn?: boolean } = {}
    const done = connections.awaited(sessionId).then(goesOn => {
      outcome.goesOn = goesOn
    })
    return { outcome, done }
  }
  return { clock, connections, waits }
}

describe('connections', () => {
  it('lets work wait for its session, and for no other', async () => {
    const { connections, waits, clock } = createOne()
    const [one, other] = [waits('one'), waits('other')]
    connections.connected('one')
    await one.done
    expect(one.outcome.goesOn).toBe(true)
    expect(other.outcome).toEqual({})
    expect(await connections.awaited('one')).toBe(true)
    connections.disconnected('one')
    const again = waits('one')
    await new Promise(setImmediate)
    expect(again.outcome).toEqual({})
    connections[Symbol.dispose]()
    await Promise.all([other.done, again.done])
    expect(clock.pending).toBe(0)
  })

  it('lets it wait for so long', async () => {
    const { clock, waits } = createOne()
    const one = waits('one')
    clock.advance(CONNECTED_WITHIN_MS)
    await one.done
    expect(one.outcome.goesOn).toBe(true)
    expect(clock.pending).toBe(0)
  })

  it('lets it be when the gateway ends', async () => {
    const { connections, waits } = createOne()
    const one = waits('one')
    connections[Symbol.dispose]()
    await one.done
    expect(one.outcome.goesOn).toBe(false)
    expect(await connections.awaited('two')).toBe(false)
  })
})
