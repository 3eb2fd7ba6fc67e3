import { expect, it } from 'vitest'
import { openFile } from '../../test/support/api-database.ts'
import { dueMedia, findMedia, findMediaByWaId, insertMedia } from './message-media.ts'
import { insertMessage } from './message-writes.ts'
import { insertSession } from './sessions.ts'

const sessionId = '7d8f8f3e-0f0e-4a43-9d1c-2d5f0c7b8a11'
const [chatId, waMessageId] = ['1@c.us', 'W1']

it.each([
  [2 ** 60, null],
  [2 ** 53, null],
  [2 ** 53 - 1, 2 ** 53 - 1],
  [null, null],
])('reads what an older version stored of a stranger’s file: %s', async (bytes, read) => {
  await using database = await openFile()
  const { db, writer } = database
  const row = { id: 'm1', sessionId, createdAt: 1 }
  await writer.commit([
    insertSession(db, { id: sessionId, name: 'main', status: 'ready', createdAt: 0, updatedAt: 0 }),
    insertMessage({
      ...{ ...row, waMessageId, chatId, senderId: chatId, from: chatId, to: 'me@c.us' },
      ...{ type: 'image', direction: 'incoming', status: 'delivered' },
    }),
    insertMedia(row, { mimetype: 'image/png', filename: null, bytes }),
  ])
  const expected = { messageId: 'm1', bytes: read }
  expect(await dueMedia(db, 1, 9)).toMatchObject([expected])
  expect(await findMedia(db, 'm1')).toMatchObject(expected)
  expect(await findMediaByWaId(db, { sessionId, chatId, waMessageId })).toMatchObject(expected)
})
