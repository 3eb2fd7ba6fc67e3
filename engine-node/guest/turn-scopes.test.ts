import { describe, expect, it } from 'vitest'
import type { Scope } from './scope.ts'
import { createTurnScopes } from './turn-scopes.ts'

const scopeOf = (greeting: string, inFlight = ['message:received']): Scope => ({
  config: { greeting },
  inFlight,
  running: true,
})

/** A handler that waits to be let go, and then says which scope it is in. */
function handler(scopes: ReturnType<typeof createTurnScopes>, scope: Scope) {
  const gate = Promise.withResolvers<void>()
  const state = { started: false }
  const done = scopes.run(scope, async () => {
    state.started = true
    await gate.promise
    return scopes.current()?.config
  })
  return { state, done: Promise.resolve(done), go: gate.resolve }
}

const settle = () => new Promise(resolve => setImmediate(resolve))

describe('turns', () => {
  it('are in no scope outside of handlers', async () => {
    const scopes = createTurnScopes()
    expect(scopes.current()).toBeUndefined()
    await scopes.run(scopeOf('a'), () => {})
    expect(scopes.current()).toBeUndefined()
  })

  it('run side by side where the configuration is the same', async () => {
    const scopes = createTurnScopes()
    const both = [handler(scopes, scopeOf('a')), handler(scopes, scopeOf('a'))]
    await settle()
    expect(both.map(({ state }) => state.started)).toEqual([true, true])
    for (const { go } of both) go()
    expect(await Promise.all(both.map(({ done }) => done))).toEqual([{ greeting: 'a' }, { greeting: 'a' }])
  })

  it('wait for each other where it is not, in the order in which they came', async () => {
    const scopes = createTurnScopes()
    const [first, second, third] = ['a', 'b', 'a'].map(name => handler(scopes, scopeOf(name)))
    await settle()
    expect([first, second, third].map(each => each?.state.started)).toEqual([true, false, false])
    first?.go()
    expect(await first?.done).toEqual({ greeting: 'a' })
    await settle()
    expect([second, third].map(each => each?.state.started)).toEqual([true, false])
    second?.go()
    expect(await second?.done).toEqual({ greeting: 'b' })
    third?.go()
    expect(await third?.done).toEqual({ greeting: 'a' })
  })

  it('go on after one that throws', async () => {
    const scopes = createTurnScopes()
    const failing = scopes.run(scopeOf('a'), async () => {
      throw new Error('failed')
    })
    const next = handler(scopes, scopeOf('b'))
    await expect(failing).rejects.toThrow('failed')
    next.go()
    expect(await next.done).toEqual({ greeting: 'b' })
  })

  it('do not wait when they were caused by another', async () => {
    const scopes = createTurnScopes()
    const outer = handler(scopes, scopeOf('a'))
    const inner = handler(scopes, scopeOf('b', ['message:received', 'message:sending']))
    await settle()
    expect(inner.state.started).toBe(true)
    expect(scopes.current()).toMatchObject({
      config: { greeting: 'b' },
      inFlight: ['message:received', 'message:sending'],
    })
    inner.go()
    expect(await inner.done).toEqual({ greeting: 'b' })
    expect(scopes.current()?.config).toEqual({ greeting: 'a' })
    outer.go()
    expect(await outer.done).toEqual({ greeting: 'a' })
  })
})
