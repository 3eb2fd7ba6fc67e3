import { expect, it } from 'vitest'
import { insertMessage } from '../../src/db/message-writes.ts'
import { findMessage } from '../../src/db/messages.ts'
import { insertSession } from '../../src/db/sessions.ts'
import { openFile } from '../../test/support/api-database.ts'
import { createFakeClock } from '../../test/support/fake-clock.ts'
import { createLog } from '../log.ts'
import { createSealer } from '../store/sealer.ts'
import { createWriteQueue } from '../store/write-queue.ts'
import { createInbound } from './inbound.ts'
import type { Told } from './tell.ts'

const sessionId = '7d8f8f3e-0f0e-4a43-9d1c-2d5f0c7b8a11'
const BOB = '1555@c.us'
const message = {
  ...{ id: 'GOOD', from: BOB, to: 'me@c.us', chatId: BOB, body: 'x', type: 'text', timestamp: 1 },
  ...{ fromMe: false, isGroup: false, kind: 'individual' },
}
/** A coordinate that is no number is null in JSON. */
const poison = { ...message, type: 'location', location: { latitude: null, longitude: 1 } }

it('goes on at a start over what plugins cannot be told, once', async () => {
  await using database = await openFile()
  const { db, writer } = database
  const target = { batch: writer.commit, reconnect: async () => {} }
  await using queue = createWriteQueue({ target, delay: async () => {} })
  const row = (waMessageId: string, untold: string) =>
    insertMessage({
      ...{ id: waMessageId, sessionId, waMessageId, chatId: BOB, senderId: BOB, from: BOB, to: 'me@c.us' },
      ...{ type: 'text', direction: 'incoming', status: 'delivered', createdAt: 1, untold },
    })
  await queue.commit([
    insertSession(db, { id: sessionId, name: 'main', status: 'ready', createdAt: 0, updatedAt: 0 }),
    row('A', '{"cut'),
    row('B', JSON.stringify(poison)),
    row('C', JSON.stringify(message)),
  ])
  const told: Told[] = []
  const inbound = createInbound({
    ...{ db, queue, sealer: createSealer(Buffer.alloc(32, 7)), clock: createFakeClock() },
    ...{ log: createLog('silent'), tell: each => void told.push(each), nextRowId: () => 'new' },
    ...{ news: {} as never, files: {} as never, changes: {} as never, early: {} as never },
  })
  await inbound.restore(() => true)
  expect(told.map(({ id }) => id)).toEqual(['C'])
  await queue.settled()
  const left = await Promise.all(['A', 'B', 'C'].map(async id => (await findMessage(db, id))?.untold))
  expect(left).toEqual([null, null, JSON.stringify(message)])
})
