import { readdirSync, readFileSync } from 'node:fs'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { type Client, createClient, type InValue } from '@libsql/client'
import { drizzle } from 'drizzle-orm/libsql'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import type { Db, Writer } from '../../../src/db/db.ts'
import * as schema from '../../../src/db/schema.ts'
import type { CallOrigin } from '../verb.ts'
import { createStorageVerbs, prefixEnd } from './storage.ts'

const MIGRATIONS = new URL('../../../src/db/migrations/', import.meta.url)
const QUOTA = 1_000

let client: Client
let folder: string

beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'wharf-storage-'))
  client = createClient({ url: `file:${join(folder, 'test.db')}` })
  for (const file of readdirSync(MIGRATIONS)
    .filter(name => name.endsWith('.sql'))
    .sort())
    await client.executeMultiple(readFileSync(new URL(file, MIGRATIONS), 'utf8'))
  for (const id of ['bot', 'other'])
    await client.execute({
      sql: `insert into plugins (id, name, version, manifest, status, tier, config_masked, session_config_masked,
        config_sealed, active_sessions, installed_at, updated_at) values (?, ?, '1', '{}', 'enabled', 'process', '{}', '{}', x'', '[]', 0, 0)`,
      args: [id, id],
    })
})
afterEach(async () => {
  client.close()
  await rm(folder, { recursive: true })
})

function start(pluginId = 'bot', limits: { maxKeys?: number; maxListBytes?: number } = {}) {
  let queue: Promise<unknown> = Promise.resolve()
  const writer: Writer = {
    commit(statements) {
      const batch = statements.map(({ sql, args }) => ({ sql, args: args as InValue[] }))
      const done = queue.then(() => client.batch(batch, 'write'))
      queue = done.catch(() => {})
      return done.then(results => results.map(result => result.rowsAffected))
    },
  }
  const db = drizzle(client, { schema }) as unknown as Db
  const verbs = createStorageVerbs({ db, writer, quotaBytes: QUOTA, ...limits })
  const signal = new AbortController().signal
  const allowed = { assertStillAllowed: () => {}, assertActiveFor: () => {} }
  const origin: CallOrigin = { pluginId, inFlight: [], signal, ...allowed }
  return {
    verbs,
    origin,
    get: (key: string) => verbs['storage.get']([key], origin),
    set: (key: string, value: unknown) => verbs['storage.set']([key, value], origin),
    remove: (key: string) => verbs['storage.delete']([key], origin),
    list: (prefix = '') => verbs['storage.list']([prefix], origin),
  }
}

/** The counter of a plugin, and what its rows really hold. */
async function bytes(pluginId = 'bot') {
  const { rows } = await client.execute({
    sql: `select storage_bytes as counted, (select coalesce(sum(length(cast(key as blob)) + length(cast(value as blob))), 0)
      from plugin_storage where plugin_id = plugins.id) as held from plugins where id = ?`,
    args: [pluginId],
  })
  return { counted: Number(rows[0]?.counted), held: Number(rows[0]?.held) }
}

/** How many keys a plugin is known to have. */
async function counted(pluginId = 'bot') {
  const { rows } = await client.execute({
    sql: 'select storage_keys from plugins where id = ?',
    args: [pluginId],
  })
  return Number(rows[0]?.storage_keys)
}

describe('storage', () => {
  it.each([['text'], [0], [false], [null], [[1, { a: 'é' }]], [{ nested: { deep: [] } }]])(
    'keeps %j',
    async value => {
      const { get, set } = start()
      expect(await set('k', value)).toBeNull()
      expect(await get('k')).toEqual(value)
    },
  )

  it('keeps nothing as null, and knows no value for a key without one', async () => {
    const { get, set } = start()
    await set('k', undefined)
    expect(await get('k')).toBeNull()
    expect(await get('missing')).toBeNull()
  })

  it('takes keys of any characters', async () => {
    const { get, set, list } = start()
    const keys = [
      'buffer:undelivered',
      'seen:cw:1@c.us',
      '../other',
      '%',
      '_',
      "'; drop table plugins; --",
      '\u{1f600}',
    ]
    for (const key of keys) await set(key, key)
    for (const key of keys) expect(await get(key)).toBe(key)
    expect(new Set(await list())).toEqual(new Set(keys))
  })

  it('keeps plugins apart', async () => {
    const [mine, theirs] = [start('bot'), start('other')]
    await mine.set('k', 'mine')
    expect(await theirs.get('k')).toBeNull()
    await theirs.remove('k')
    await theirs.set('k', 'theirs')
    expect(await mine.get('k')).toBe('mine')
    expect(await theirs.list()).toEqual(['k'])
  })

  it('replaces and deletes, and counts what is left', async () => {
    const { get, set, remove } = start()
    await set('key', 'é'.repeat(10))
    expect(await bytes()).toEqual({ counted: 3 + 22, held: 3 + 22 })
    await set('key', 1)
    expect(await bytes()).toEqual({ counted: 4, held: 4 })
    await remove('key')
    await remove('key')
    expect(await get('key')).toBeNull()
    expect(await bytes()).toEqual({ counted: 0, held: 0 })
  })

  it('lists by prefix, by code points, case and wildcard characters as they are', async () => {
    const { set, list } = start()
    const keys = ['a', 'a%', 'a:1', 'a:2', 'A:1', 'a;', 'b', 'a:\u{10ffff}', 'a:\u{10ffff}x']
    for (const key of keys) await set(key, 1)
    for (const prefix of ['', 'a', 'a:', 'a%', 'A', 'a:\u{10ffff}', 'z'])
      expect(new Set(await list(prefix)), prefix).toEqual(new Set(keys.filter(key => key.startsWith(prefix))))
  })

  it('refuses what goes over the quota and keeps what was there', async () => {
    const { get, set } = start()
    await set('k', 'x'.repeat(QUOTA - 3))
    expect(await bytes()).toEqual({ counted: QUOTA, held: QUOTA })
    await expect(set('l', 1)).rejects.toMatchObject({
      code: 'capability_failed',
      message: expect.stringContaining('storage quota exceeded'),
    })
    await expect(set('k', 'x'.repeat(QUOTA - 2))).rejects.toThrow('storage quota exceeded')
    expect(await get('k')).toHaveLength(QUOTA - 3)
    expect(await get('l')).toBeNull()
    await set('k', '')
    await set('l', 1)
    expect(await bytes()).toMatchObject({ counted: 5 })
  })

  it('holds the quota against calls at once, of which each alone would fit', async () => {
    const { set, list } = start()
    const results = await Promise.allSettled(
      Array.from({ length: 30 }, (_, n) => set(`k${n % 15}`, 'x'.repeat(90 + n))),
    )
    const { counted, held } = await bytes()
    expect(counted).toBe(held)
    expect(counted).toBeLessThanOrEqual(QUOTA)
    expect(results.some(result => result.status === 'rejected')).toBe(true)
    expect((await list()).length).toBeGreaterThan(5)
  })

  it('takes no more keys than a plugin may have, and changes those that are there', async () => {
    const { get, set, remove, list } = start('bot', { maxKeys: 3 })
    for (const key of ['a', 'b', 'c']) await set(key, 1)
    await expect(set('d', 1)).rejects.toMatchObject({
      code: 'capability_failed',
      message: 'storage quota exceeded (limit 1000 bytes in 3 keys)',
    })
    await set('a', 2)
    expect([await get('a'), await get('d'), await list()]).toEqual([2, null, ['a', 'b', 'c']])
    expect([await bytes(), await counted()]).toEqual([{ counted: 6, held: 6 }, 3])
    await start('other', { maxKeys: 3 }).set('a', 1)
    for (const key of ['b', 'b', 'nothing']) await remove(key)
    expect(await counted()).toBe(2)
    const results = await Promise.allSettled(['d', 'e', 'f'].map(key => set(key, 1)))
    expect(results.map(({ status }) => status)).toEqual(['fulfilled', 'rejected', 'rejected'])
    expect([await list(), await counted()]).toEqual([['a', 'c', 'd'], 3])
  })

  it('goes on with keys from before they were counted', async () => {
    const { set, remove } = start('bot', { maxKeys: 2 })
    for (const key of ['a', 'b']) await set(key, 1)
    await client.execute("update plugins set storage_keys = 0 where id = 'bot'")
    await set('a', 2)
    await remove('a')
    expect(await counted()).toBe(0)
  })

  it('lists no more than a frame can hold, as it would be written', async () => {
    const keys = ['a1', 'a2', 'b\u0001', `b"${'é'.repeat(4)}`]
    const { set, list } = start('bot', { maxListBytes: Buffer.byteLength(JSON.stringify(keys)) })
    for (const key of keys) await set(key, 1)
    expect(await list('a')).toEqual(['a1', 'a2'])
    expect(await list('b')).toEqual(['b\u0001', `b"${'é'.repeat(4)}`])
    expect(await list()).toHaveLength(4)
    await set('c', 1)
    await expect(list()).rejects.toMatchObject({
      code: 'capability_failed',
      message: 'too many keys for one list: ask with a longer prefix',
    })
  })

  it('lists none of too many keys that were there before', async () => {
    const { set } = start()
    for (const key of ['a1', 'a2', 'b1']) await set(key, 1)
    const { list } = start('bot', { maxKeys: 2 })
    await expect(list()).rejects.toThrow('too many keys')
    expect(await list('a')).toEqual(['a1', 'a2'])
  })

  it('writes nothing for a plugin that may no longer', async () => {
    const { verbs, origin, get } = start()
    const gone = {
      ...origin,
      assertStillAllowed: () => {
        throw new Error('stopped')
      },
    }
    await expect(verbs['storage.set'](['k', 1], gone)).rejects.toThrow('stopped')
    expect(await get('k')).toBeNull()
  })
})

it.each([
  ['a', 'b'],
  ['a:', 'a;'],
  ['', null],
  ['\u{10ffff}', null],
  ['a\u{10ffff}', 'b'],
  ['\ud7ff', '\ue000'],
])('the end of the prefix %j is %j', (prefix, end) => expect(prefixEnd(prefix)).toBe(end))
