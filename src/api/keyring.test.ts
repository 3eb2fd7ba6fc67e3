import { describe, expect, it, vi } from 'vitest'
import { openApp, type TestApp } from '../../test/support/api-app.ts'
import { createApp } from './app.ts'

const failedKeys = { limit: 3, ttlMs: 60_000 }

/** How often the database is asked for a key. */
function lookUps(app: TestApp) {
  const select = vi.spyOn(app.database.db, 'select')
  return () => select.mock.calls.length
}

describe('wrong keys', () => {
  it('are looked up no further once an address has shown too many', async () => {
    await using app = await openApp({ settings: { failedKeys } })
    const asked = lookUps(app)
    const statuses: number[] = []
    for (let guess = 0; guess < 6; guess += 1)
      statuses.push((await app.ask('GET', '/sessions', { key: `guess-${guess}` })).status)
    expect([statuses, asked()]).toEqual([[401, 401, 401, 429, 429, 429], 3])
    expect((await app.ask('GET', '/sessions', { key: 'guess', address: '192.0.2.9' })).status).toBe(401)
    app.clock.now += 60_000
    expect((await app.ask('GET', '/sessions', { key: 'guess' })).status).toBe(401)
    expect(asked()).toBe(5)
  })

  it('lock out no key that was seen here, however long ago', async () => {
    await using app = await openApp({ settings: { failedKeys } })
    expect((await app.ask('GET', '/sessions')).status).toBe(200)
    for (let guess = 0; guess < 6; guess += 1) await app.ask('GET', '/sessions', { key: `guess-${guess}` })
    expect((await app.ask('GET', '/sessions')).status).toBe(200)
    app.clock.now += 2_000
    expect((await app.ask('GET', '/sessions')).status).toBe(200)
    const made = await app.ask('POST', '/auth/api-keys', { body: { name: 'abc', role: 'viewer' } })
    const { apiKey, id } = (await made.json()) as { apiKey: string; id: string }
    expect((await app.ask('GET', '/sessions', { key: apiKey })).status).toBe(429)
    expect((await app.ask('GET', '/sessions', { key: apiKey, address: '192.0.2.9' })).status).toBe(200)
    expect((await app.ask('GET', '/sessions', { key: apiKey })).status).toBe(200)
    await app.ask('DELETE', `/auth/api-keys/${id}`)
    expect((await app.ask('GET', '/sessions', { key: apiKey })).status).toBe(429)
  })

  it('cannot be told from good ones by health without a limit', async () => {
    await using app = await openApp({ settings: { failedKeys } })
    const asked = lookUps(app)
    const health = async (key: string | null) => {
      const answer = await app.ask('GET', '/health', { key })
      return [answer.status, 'version' in ((await answer.json()) as object)]
    }
    for (let guess = 0; guess < 6; guess += 1) expect(await health(`guess-${guess}`)).toEqual([200, false])
    expect(asked()).toBe(3)
    expect(await health(app.adminKey)).toEqual([200, false])
    expect((await app.ask('GET', '/sessions')).status).toBe(429)
    app.clock.now += 60_000
    expect(await health(app.adminKey)).toEqual([200, true])
    for (let probe = 0; probe < 20; probe += 1) expect(await health(null)).toEqual([200, false])
    expect((await app.ask('GET', '/sessions')).status).toBe(200)
  })
})

describe('a key that is revoked by one process', () => {
  it.each([
    ['revoked', 'POST', '/revoke'],
    ['deleted', 'DELETE', ''],
  ])('and %s is refused by another within a second', async (_what, method, more) => {
    await using app = await openApp()
    await using other = createApp(app.deps)
    const made = await app.ask('POST', '/auth/api-keys', { body: { name: 'abc', role: 'viewer' } })
    const { apiKey, id } = (await made.json()) as { apiKey: string; id: string }
    const there = async () => {
      const request = new Request('http://api.test/api/sessions', { headers: { 'x-api-key': apiKey } })
      return (await other.fetch(request, { address: '192.0.2.1' })).status
    }
    expect([await there(), (await app.ask('GET', '/sessions', { key: apiKey })).status]).toEqual([200, 200])
    expect((await app.ask(method, `/auth/api-keys/${id}${more}`)).ok).toBe(true)
    expect((await app.ask('GET', '/sessions', { key: apiKey })).status).toBe(401)
    app.clock.now += 999
    expect(await there()).toBe(200)
    app.clock.now += 1
    expect(await there()).toBe(401)
  })
})
