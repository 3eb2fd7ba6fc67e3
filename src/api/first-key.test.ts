import { expect, it } from 'vitest'
import { openApp } from '../../test/support/api-app.ts'
import { ensureFirstKey } from './first-key.ts'

const status = async (app: Awaited<ReturnType<typeof openApp>>, key: string) => {
  app.clock.now += 1_000
  return (await app.ask('GET', '/auth/api-keys', { key })).status
}

it('makes a key for an empty database, once, and stores no more than its hash', async () => {
  await using app = await openApp()
  expect(app.adminKey).toMatch(/^owa_k1_[0-9a-f]{64}$/)
  expect(await status(app, app.adminKey)).toBe(200)
  expect(await ensureFirstKey({ ...app.deps, masterKey: null, keep() {} })).toBeNull()
  const { rows } = (await app.deps.db.run('SELECT * FROM api_keys')) as { rows: object[] }
  expect(rows).toHaveLength(1)
  expect(JSON.stringify(rows)).not.toContain(app.adminKey)
})

it('hands a key over before it is stored, so that a crash in between locks nobody out', async () => {
  await using app = await openApp()
  await app.database.writer.commit([{ sql: 'DELETE FROM api_keys', args: [] }])
  const kept: string[] = []
  const writer = {
    async commit() {
      throw new Error('disk full')
    },
  }
  const made = ensureFirstKey({ ...app.deps, writer, masterKey: null, keep: key => kept.push(key) })
  await expect(made).rejects.toThrow('disk full')
  expect(kept).toHaveLength(1)
})

it('makes another when no admin key is usable any more', async () => {
  await using app = await openApp()
  await app.database.writer.commit([{ sql: 'UPDATE api_keys SET expires_at = ?', args: [app.clock.now] }])
  const key = await ensureFirstKey({ ...app.deps, masterKey: null, keep() {} })
  expect(await status(app, app.adminKey)).toBe(401)
  expect(await status(app, key ?? '')).toBe(200)
})

it('takes a master key as it is, for as long as it is set', async () => {
  await using app = await openApp()
  const masterKey = 'correct horse battery'.replaceAll(' ', '-')
  expect(await ensureFirstKey({ ...app.deps, masterKey, keep() {} })).toBeNull()
  expect(await status(app, masterKey)).toBe(200)
  const listed = await (await app.ask('GET', '/auth/api-keys')).text()
  expect(listed).toContain('"keyPrefix":"master"')
  expect(await ensureFirstKey({ ...app.deps, masterKey: `${masterKey}-2`, keep() {} })).toBeNull()
  expect([await status(app, masterKey), await status(app, `${masterKey}-2`)]).toEqual([401, 200])
  expect(await ensureFirstKey({ ...app.deps, masterKey: null, keep() {} })).toBeNull()
  expect(await status(app, `${masterKey}-2`)).toBe(401)
})
