import { describe, expect, it } from 'vitest'
import { createFakeClock } from '../../test/support/fake-clock.ts'
import type { Link } from '../sessions/link-port.ts'
import { createTyping, typingTime } from './typing.ts'

describe('typingTime', () => {
  it.each([
    [0, 0.5, 500],
    [20, 0.5, 1_400],
    [1_000, 0.5, 5_000],
    [20, 0, 1_190],
    [20, 1, 1_610],
  ])('of %i characters, with chance %d, is %i ms', (characters, chance, ms) =>
    expect(typingTime(characters, { maxMs: 5_000, random: () => chance })).toBe(ms),
  )
})

describe('createTyping', () => {
  function setUp(isEnabled = true) {
    const clock = createFakeClock()
    const shown: unknown[] = []
    const link = {
      account: {
        async changeChat(change: { input: unknown }) {
          shown.push(change.input)
          throw new Error('nobody is there')
        },
      },
    } as unknown as Link
    const type = createTyping({ clock, random: () => 0.5, isEnabled, maxMs: 5_000 })
    return { clock, shown, type: (chatId: string) => type(link, chatId, 20) }
  }

  it('shows that somebody types for as long as it takes, and waits for nobody', async () => {
    const { clock, shown, type } = setUp()
    let isDone = false
    const done = type('b@c.us').then(() => {
      isDone = true
    })
    expect(shown).toEqual([{ chatId: 'b@c.us', state: 'typing' }])
    clock.advance(1_399)
    await Promise.resolve()
    expect(isDone).toBe(false)
    clock.advance(1)
    await done
    expect(shown.at(-1)).toEqual({ chatId: 'b@c.us', state: 'paused' })
  })

  it.each(['1@newsletter', 'status@broadcast'])('shows nothing in %s', async chatId => {
    const { shown, type } = setUp()
    await type(chatId)
    expect(shown).toEqual([])
  })

  it('does nothing when it is switched off', async () => {
    const { shown, type } = setUp(false)
    await type('b@c.us')
    expect(shown).toEqual([])
  })
})
