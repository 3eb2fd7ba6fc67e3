import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import type { SessionId } from '../../src/contract/ids.ts'
import { insertSession } from '../../src/db/sessions.ts'
import { openFile, type TestDatabase } from '../../test/support/api-database.ts'
import { createFakeClock } from '../../test/support/fake-clock.ts'
import { made } from '../store/queued-statement.ts'
import {
  type Accepted,
  createIdempotencyKeys,
  type IdempotencyKeys,
  KEY_AGE_MS,
  MAX_RUN_MS,
} from './idempotency.ts'

const session = '7d8f8f3e-0f0e-4a43-9d1c-2d5f0c7b8a11' as SessionId
const other = '8d8f8f3e-0f0e-4a43-9d1c-2d5f0c7b8a11' as SessionId
let database: TestDatabase
let clock: ReturnType<typeof createFakeClock>
let keys: IdempotencyKeys
let sent: number

beforeEach(async () => {
  sent = 0
  database = await openFile()
  clock = createFakeClock()
  const { db, writer } = database
  const session_ = (id: string, name: string) =>
    insertSession(db, { id, name, status: 'ready', createdAt: 0, updatedAt: 0 })
  await writer.commit([session_(session, 'one'), session_(other, 'two')])
  keys = createIdempotencyKeys({ db, queue: { put: batch => void writer.commit(batch.map(made)) }, clock })
})
afterEach(async () => {
  keys[Symbol.dispose]()
  await database[Symbol.asyncDispose]()
})

const message = (count: number): Accepted => ({
  messageId: `row-${count}`,
  waMessageId: `W${count}`,
  timestamp: count,
})
/** Sends a message, and commits the key with it as the pipeline does. */
const send = async (keep: Parameters<Parameters<IdempotencyKeys['once']>[2]>[0]) => {
  sent += 1
  const accepted = message(sent)
  await database.writer.commit(keep(accepted))
  return accepted
}
const once = (key: string, hash = 'h', sessionId = session) => keys.once(sessionId, { key, hash }, send)

describe('idempotency', () => {
  it('gives the first answer to the same request again, and sends nothing', async () => {
    expect(await once('k')).toEqual({ accepted: message(1), isReplay: false })
    expect(await once('k')).toMatchObject({ accepted: message(1), isReplay: true })
    expect(sent).toBe(1)
  })

  it('holds for a session, for a key, and for a day', async () => {
    await once('k')
    expect((await once('other')).isReplay).toBe(false)
    expect((await once('k', 'h', other)).isReplay).toBe(false)
    clock.advance(KEY_AGE_MS - 1)
    expect((await once('k')).isReplay).toBe(true)
    clock.advance(1)
    expect(await once('k')).toEqual({ accepted: message(4), isReplay: false })
  })

  it('sends as often as it is asked where there is no key', async () => {
    for (const _ of [1, 2]) expect((await keys.once(session, undefined, send)).isReplay).toBe(false)
    expect(sent).toBe(2)
  })

  it('refuses a key for another request, be the first one done or under way', async () => {
    await once('k')
    await expect(once('k', 'else')).rejects.toMatchObject({ code: 'idempotency_key_reused' })
    const { promise, resolve } = Promise.withResolvers<Accepted>()
    const first = keys.once(session, { key: 'slow', hash: 'h' }, () => promise)
    await expect(once('slow', 'else')).rejects.toMatchObject({ code: 'idempotency_key_reused' })
    await expect(once('slow')).rejects.toMatchObject({ code: 'idempotency_key_in_progress' })
    clock.advance(MAX_RUN_MS + 1)
    await expect(once('slow')).rejects.toMatchObject({ code: 'idempotency_outcome_unknown' })
    resolve(message(9))
    await first
  })

  it('is free again after a request that was refused before anything was stored', async () => {
    const failing = keys.once(session, { key: 'k', hash: 'h' }, () => Promise.reject(new Error('no link')))
    await expect(failing).rejects.toThrow('no link')
    expect(await once('k')).toMatchObject({ isReplay: false })
  })

  it('lets one of two requests of one moment through', async () => {
    const both = await Promise.allSettled([once('k'), once('k')])
    expect(both.map(({ status }) => status)).toEqual(['fulfilled', 'rejected'])
    expect(sent).toBe(1)
  })
})
