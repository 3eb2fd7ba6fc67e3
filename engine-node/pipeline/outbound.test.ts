import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { GatewayError } from '../../src/contract/errors.ts'
import type { SessionId } from '../../src/contract/ids.ts'
import { findIdempotencyKey, insertIdempotencyKey } from '../../src/db/idempotency-keys.ts'
import { insertMessage, updateMessageStatus } from '../../src/db/message-writes.ts'
import { findMessage, type NewMessageRow } from '../../src/db/messages.ts'
import { insertSession } from '../../src/db/sessions.ts'
import { openFile, type TestDatabase } from '../../test/support/api-database.ts'
import { createFakeClock } from '../../test/support/fake-clock.ts'
import { createLog } from '../log.ts'
import type { Link } from '../sessions/link-port.ts'
import type { StatusUpdate } from '../sessions/receipts.ts'
import { sealProto } from '../sessions/stored-proto.ts'
import { createSealer } from '../store/sealer.ts'
import { createWriteQueue, type WriteQueue } from '../store/write-queue.ts'
import { createEarlyReceipts } from './early-receipts.ts'
import { ACK_WAIT_MS, MAX_AGE_MS } from './line.ts'
import { createMessageNews } from './message-news.ts'
import { createOutbound, type Outbound } from './outbound.ts'
import { toOutgoing } from './outgoing-message.ts'

const sessionId = '7d8f8f3e-0f0e-4a43-9d1c-2d5f0c7b8a11' as SessionId
const BOB = '1555@c.us'
const sealer = createSealer(Buffer.alloc(32, 7))
let database: TestDatabase
let clock: ReturnType<typeof createFakeClock>
let queue: WriteQueue
let outbound: Outbound
/** What the socket got. */
let sent: string[]
/** Events and hooks, in the order in which they were told. */
let told: string[]
/** What the database waits for. */
let held: Promise<void> | undefined

beforeEach(async () => {
  sent = []
  told = []
  held = undefined
  database = await openFile()
  clock = createFakeClock()
  const { db, writer } = database
  await writer.commit([
    insertSession(db, { id: sessionId, name: 'main', status: 'ready', createdAt: 0, updatedAt: 0 }),
  ])
  queue = createWriteQueue({
    target: {
      async batch(statements) {
        await held
        return await writer.commit(statements)
      },
      reconnect: async () => {},
    },
    delay: async () => {},
  })
  const news = createMessageNews({
    record(event, _sessionId, data) {
      const { messageId, id, status = '' } = data as { messageId?: string; id?: string; status?: string }
      told.push(`${event} ${messageId ?? id} ${status}`.trim())
      return []
    },
    chain: { run: async () => ({ continue: true }) as never, order: () => [] },
    now: clock.now,
    log: createLog('silent'),
  })
  outbound = createOutbound({
    ...{ db, queue, sealer, clock, news },
    log: createLog('silent'),
    tell: ({ message: { id } }) => void told.push(`told ${id}`),
    early: createEarlyReceipts({ news }),
  })
})
afterEach(async () => {
  await queue[Symbol.asyncDispose]()
  await database[Symbol.asyncDispose]()
})

async function accepted(waMessageId: string, createdAt = clock.now()) {
  const id = `row-${waMessageId}`
  const row: NewMessageRow = {
    ...{ id, sessionId, waMessageId, chatId: BOB, senderId: '', from: 'me@c.us', to: BOB, body: waMessageId },
    type: 'text',
    direction: 'outgoing',
    status: 'pending',
    createdAt,
    protoSealed: sealProto(sealer, sessionId, id, Buffer.from(waMessageId)),
  }
  await queue.commit([insertMessage(row)])
  return toOutgoing(row)
}
const link = {
  async transmit({ proto }: { proto: Uint8Array }) {
    sent.push(Buffer.from(proto).toString())
  },
} as unknown as Link
const settle = (...updates: Omit<StatusUpdate, 'chat'>[]) =>
  outbound.settle(
    sessionId,
    updates.map(update => ({ chat: BOB, ...update })),
  )
const row = async (waMessageId: string) => (await findMessage(database.db, `row-${waMessageId}`)) ?? undefined
const becomes = (waMessageId: string, wanted: object) =>
  expect.poll(() => row(waMessageId), { interval: 2 }).toMatchObject(wanted)

describe('outbound', () => {
  it('sends what was accepted before the connection, in its order, and expires what is too old', async () => {
    await accepted('A')
    await accepted('OLD', clock.now() - MAX_AGE_MS - 1)
    const last = await accepted('B')
    await outbound.accept(last)
    expect(sent).toEqual([])
    outbound.connected(sessionId, link)
    await expect.poll(() => sent, { interval: 2 }).toEqual(['A', 'B'])
    await becomes('OLD', { status: 'failed', error: 'expired' })
  })

  it('expires what waits in a session without a connection, and leaves what a connection has', async () => {
    await accepted('OLD', clock.now() - MAX_AGE_MS - 1)
    await accepted('NEW')
    await outbound.expire()
    expect(await row('OLD')).toMatchObject({ status: 'failed', error: 'expired' })
    expect(await row('NEW')).toMatchObject({ status: 'pending' })
    expect(told.filter(each => each.startsWith('message.failed'))).toEqual(['message.failed OLD failed'])
    outbound.connected(sessionId, link)
    await expect.poll(() => sent, { interval: 2 }).toEqual(['NEW'])
    await accepted('LATER', clock.now() - MAX_AGE_MS - 1)
    await outbound.expire()
    expect(await row('LATER')).toMatchObject({ status: 'pending' })
  })

  it('tells of a message once, when WhatsApp first shows that it has it', async () => {
    outbound.connected(sessionId, link)
    await outbound.accept(await accepted('A'))
    settle({ waMessageId: 'A', status: 'sent' })
    await becomes('A', { status: 'sent', ackedAt: clock.now() })
    settle({ waMessageId: 'A', status: 'delivered' }, { waMessageId: 'A', status: 'sent' })
    await becomes('A', { status: 'delivered' })
    expect(told.filter(each => each === 'told A')).toHaveLength(1)
  })

  it('tells who waits what the server has said before its row is written', async () => {
    outbound.connected(sessionId, link)
    await outbound.accept(await accepted('A'))
    const outcome = outbound.outcome({ sessionId, waMessageId: 'A', id: 'row-A' }, 1_000)
    const { promise, resolve } = Promise.withResolvers<void>()
    held = promise
    settle({ waMessageId: 'A', status: 'sent' })
    expect(await outcome).toEqual({ status: 'sent' })
    expect(await row('A')).toMatchObject({ status: 'pending' })
    // It came between the two.
    const late = outbound.outcome({ sessionId, waMessageId: 'A', id: 'row-A' }, 1_000)
    resolve()
    expect(await late).toEqual({ status: 'sent' })
    await becomes('A', { status: 'sent' })
  })

  it('never lets a state go back, whatever order the receipts come in', async () => {
    outbound.connected(sessionId, link)
    await outbound.accept(await accepted('A'))
    for (const status of ['played', 'read', 'delivered', 'sent', 'failed'] as const)
      settle({ waMessageId: 'A', status })
    await queue.settled()
    await becomes('A', { status: 'played', error: null })
  })

  it('fails what WhatsApp refuses, with its code, and answers who waits', async () => {
    outbound.connected(sessionId, link)
    const message = await accepted('A')
    await outbound.accept(message)
    const outcome = outbound.outcome(message, 10_000)
    settle({ waMessageId: 'A', status: 'failed', error: '463' })
    expect(await outcome).toEqual({ status: 'failed', error: '463' })
    expect(await row('A')).toMatchObject({ status: 'failed', error: '463' })
    // Whoever asks later gets it from the row.
    expect(await outbound.outcome(message, 10_000)).toEqual({ status: 'failed', error: '463' })
  })

  it('answers with the state as it is when nothing comes in time', async () => {
    outbound.connected(sessionId, link)
    const message = await accepted('A')
    await outbound.accept(message)
    const outcome = outbound.outcome(message, 10_000)
    await expect.poll(() => row('A'), { interval: 2 }).toBeDefined()
    clock.advance(10_000)
    expect(await outcome).toEqual({ status: 'pending' })
  })

  it('sends again by the next connection what the last one did not get acknowledged', async () => {
    outbound.connected(sessionId, link)
    await outbound.accept(await accepted('A'))
    await outbound.accept(await accepted('B'))
    settle({ waMessageId: 'A', status: 'sent' })
    await becomes('A', { status: 'sent' })
    outbound.disconnected(sessionId)
    outbound.connected(sessionId, link)
    await expect.poll(() => sent, { interval: 2 }).toEqual(['A', 'B', 'B'])
  })

  it('frees the key of a client only where WhatsApp cannot have the message', async () => {
    let isFailing = true
    let tries = 0
    const failing = {
      async transmit(message: { proto: Uint8Array }) {
        tries += 1
        if (isFailing) throw new GatewayError('transport_failed', '429', { certain: true })
        sent.push(Buffer.from(message.proto).toString())
      },
    } as unknown as Link
    const keyed = async (waMessageId: string) => {
      const message = await accepted(waMessageId)
      const of = { messageId: message.id, waMessageId, timestamp: 1 }
      await queue.commit(
        insertIdempotencyKey({ ...of, sessionId, key: waMessageId, hash: 'h', createdAt: clock.now() }, 0),
      )
      return { ...message, proto: Buffer.from(waMessageId) }
    }
    const keyOf = (key: string) => findIdempotencyKey(database.db, { sessionId, key, since: 0 })
    outbound.connected(sessionId, failing)
    await expect(outbound.accept(await keyed('A'))).rejects.toMatchObject({ certain: true })
    expect([(await row('A'))?.status, await keyOf('A')]).toEqual(['failed', null])

    isFailing = false
    await outbound.accept(await keyed('B'))
    isFailing = true
    for (const expected of [3, 4]) {
      expect(await row('B')).toMatchObject({ status: 'pending' })
      clock.advance(ACK_WAIT_MS)
      await expect.poll(() => tries, { interval: 2 }).toBe(expected)
      await new Promise(setImmediate)
    }
    await becomes('B', { status: 'failed', error: 'transport_failed' })
    expect(await keyOf('B')).toMatchObject({ waMessageId: 'B' })
    // The acknowledgement may still come.
    settle({ waMessageId: 'B', status: 'delivered' })
    await becomes('B', { status: 'delivered', error: null })
  })

  it('tells after a crash of what was acknowledged before it, in the sessions that are ours', async () => {
    await accepted('A')
    await queue.commit([updateMessageStatus({ sessionId, waMessageId: 'A', status: 'delivered' })])
    await outbound.restore(() => false)
    await queue.settled()
    expect(told).toEqual([])
    for (const _ of [1, 2]) {
      await outbound.restore(id => id === sessionId)
      await queue.settled()
    }
    expect(told).toEqual(['message.sent A', 'told A'])
    await becomes('A', { ackedAt: clock.now() })
  })
})
