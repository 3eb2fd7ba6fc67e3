import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { AuthenticationCreds, SignalDataSet } from 'baileys'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import type { Statement } from '../../src/db/db.ts'
import { insertSession } from '../../src/db/sessions.ts'
import { openDatabase } from '../store/database.ts'
import { createSealer } from '../store/sealer.ts'
import { createWriteQueue } from '../store/write-queue.ts'
import { loadAuthStore } from './auth-store.ts'

const SESSION = 'c0000000-0000-4000-8000-000000000001'

let folder: string
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'wharf-auth-'))
})
afterEach(() => rmSync(folder, { recursive: true, force: true }))

/** A gateway as far as its credentials go, on a database whose commits can be held back. */
async function open({ wasPaired = false } = {}) {
  const database = await openDatabase({ url: `file:${join(folder, 'wharf.db')}` })
  const commits: number[] = []
  let held: Promise<void> = Promise.resolve()
  let release = () => {}
  const queue = createWriteQueue({
    target: {
      async batch(statements: Statement[]) {
        await held
        commits.push(statements.length)
        return await database.target.batch(statements)
      },
      reconnect: database.target.reconnect,
    },
    delay: async () => {},
  })
  await queue.commit([
    insertSession(database.db, {
      id: SESSION,
      name: 'main',
      status: 'ready',
      createdAt: 0,
      updatedAt: 0,
    }),
  ])
  const sealer = createSealer(Buffer.alloc(32, 7))
  const store = await loadAuthStore({ db: database.db, queue, sealer, sessionId: SESSION, wasPaired })
  commits.length = 0
  return {
    store,
    creds: store.state.creds,
    keys: store.state.keys,
    queue,
    commits,
    hold() {
      held = new Promise(resolve => {
        release = resolve
      })
    },
    release: () => release(),
    async end() {
      await queue[Symbol.asyncDispose]()
      await database[Symbol.asyncDispose]()
    },
  }
}

/** What a gateway finds that is started after an end. */
async function reopened() {
  const database = await openDatabase({ url: `file:${join(folder, 'wharf.db')}` })
  const sealer = createSealer(Buffer.alloc(32, 7))
  const queue = { put: () => expect.unreachable('a load writes nothing') }
  const store = await loadAuthStore({ db: database.db, queue, sealer, sessionId: SESSION, wasPaired: true })
  await database[Symbol.asyncDispose]()
  return store.state
}

const named = (creds: AuthenticationCreds, name: string) => {
  creds.me = { id: '15550000001:1@s.whatsapp.net', name }
  // Without it the name is that of a pairing code that nobody has typed.
  creds.account ??= { details: Buffer.from('account') }
}
const preKey = (fill: number) => ({ public: Buffer.alloc(32, fill), private: Buffer.alloc(32, fill + 100) })
const session = (step: number) => ({ _sessions: { peer: { step } } })
const set = (data: object) => data as SignalDataSet

describe('of two updates in one turn', () => {
  it('the credentials are the last', async () => {
    const { store, creds, commits, end } = await open()
    for (const name of ['first', 'second', 'last']) {
      named(creds, name)
      creds.nextPreKeyId += 1
      store.saveCreds()
    }
    await end()
    const found = (await reopened()).creds
    expect(found).toEqual(creds)
    expect(found.me?.name).toBe('last')
    // One writer, and one row for all of them.
    expect(commits).toEqual([1])
  })

  it('what was not saved is not stored by the save before it', async () => {
    const { store, creds, end } = await open()
    named(creds, 'saved')
    store.saveCreds()
    named(creds, 'not saved')
    await end()
    expect((await reopened()).creds.me?.name).toBe('saved')
  })

  it.each([
    ['made, and used up', [preKey(1), null], undefined],
    ['used up, and made again', [null, preKey(2)], preKey(2)],
    ['made twice', [preKey(1), preKey(3)], preKey(3)],
  ])('a key that was %s is as it was last', async (_what, values, expected) => {
    const { store, keys, end } = await open()
    store.saveCreds()
    for (const value of values) await keys.set(set({ 'pre-key': { 5: value } }))
    expect((await keys.get('pre-key', ['5']))['5']).toEqual(expected)
    await end()
    expect((await (await reopened()).keys.get('pre-key', ['5']))['5']).toEqual(expected)
  })

  it('credentials and keys that cross each other are one commit, each as it was last', async () => {
    const { store, creds, keys, commits, end } = await open()
    void keys.set(set({ session: { peer: session(1) }, 'pre-key': { 1: preKey(1) } }))
    creds.nextPreKeyId = 2
    store.saveCreds()
    void keys.set(set({ 'pre-key': { 1: null, 2: preKey(2) }, session: { peer: session(2) } }))
    creds.nextPreKeyId = 3
    store.saveCreds()
    void keys.set(set({ session: { peer: session(3) } }))
    await end()
    const found = await reopened()
    expect(found.creds.nextPreKeyId).toBe(3)
    expect(await found.keys.get('session', ['peer'])).toEqual({ peer: session(3) })
    expect(await found.keys.get('pre-key', ['1', '2'])).toEqual({ 2: preKey(2) })
    // The credentials, the session, the key that is gone and the one that is there.
    expect(commits).toEqual([4])
  })
})

it('an update while an older one is being written follows it, and is not overtaken', async () => {
  const { store, creds, keys, queue, commits, hold, release, end } = await open()
  hold()
  named(creds, 'first')
  store.saveCreds()
  await keys.set(set({ session: { peer: session(1) } }))
  await new Promise(setImmediate)
  for (const [step, name] of ['second', 'last'].entries()) {
    named(creds, name)
    store.saveCreds()
    await keys.set(set({ session: { peer: session(step + 2) } }))
  }
  expect(commits).toEqual([])
  release()
  await queue.settled()
  await end()
  const found = await reopened()
  expect(found.creds.me?.name).toBe('last')
  expect(await found.keys.get('session', ['peer'])).toEqual({ peer: session(3) })
  expect(commits).toEqual([2, 2])
})

describe('an end', () => {
  it('waits for what was saved before it, also while a commit is under way', async () => {
    const { store, creds, keys, hold, release, end } = await open()
    hold()
    named(creds, 'first')
    store.saveCreds()
    await new Promise(setImmediate)
    named(creds, 'last')
    store.saveCreds()
    await keys.set(set({ session: { peer: session(9) } }))
    let isOver = false
    const ended = end().then(() => {
      isOver = true
    })
    for (let turn = 0; turn < 20; turn += 1) await new Promise(setImmediate)
    expect(isOver).toBe(false)
    release()
    await ended
    const found = await reopened()
    expect(found.creds.me?.name).toBe('last')
    expect(await found.keys.get('session', ['peer'])).toEqual({ peer: session(9) })
  })

  it('lets a connection that is closed write nothing more, credentials or keys', async () => {
    const { store, creds, keys, end } = await open()
    named(creds, 'last')
    store.saveCreds()
    await keys.set(set({ session: { peer: session(1) } }))
    store.close()
    named(creds, 'too late')
    store.saveCreds()
    await keys.set(set({ session: { peer: session(2) } }))
    await end()
    const found = await reopened()
    expect(found.creds.me?.name).toBe('last')
    expect(await found.keys.get('session', ['peer'])).toEqual({ peer: session(1) })
  })
})

describe('an identity', () => {
  it('is made for a session that never had one', async () => {
    const { creds, commits, end } = await open()
    expect(creds.me).toBeUndefined()
    await end()
    expect(commits).toEqual([])
  })

  it.each([
    ['has vanished', () => {}],
    [
      'is without its credentials',
      async ({ keys }: Awaited<ReturnType<typeof open>>) => keys.set(set({ session: { peer: session(1) } })),
    ],
    [
      'is incomplete',
      async ({ store, creds }: Awaited<ReturnType<typeof open>>) => {
        Reflect.deleteProperty(creds, 'noiseKey')
        store.saveCreds()
      },
    ],
  ])('that %s is not replaced by another', async (_what, spoil) => {
    const opened = await open()
    await spoil(opened)
    await opened.end()
    await expect(reopened()).rejects.toMatchObject({ code: 'credentials_unreadable' })
  })
})
