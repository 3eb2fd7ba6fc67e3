import type { WAMessage } from 'baileys'
import { expect, it } from 'vitest'
import { createAddressBook } from './people.ts'
import { readMessages } from './read-messages.ts'

const to = { me: { phoneId: '1500@c.us', lidId: null }, book: createAddressBook(() => null) }
const message = (id: string, content: object): WAMessage => ({
  key: { remoteJid: '1555@s.whatsapp.net', id, fromMe: false },
  messageTimestamp: 5,
  message: content as WAMessage['message'] & object,
})

it('keeps a message that no reader understands as one that cannot be read, and goes on with the next', () => {
  const broken = {
    imageMessage: {
      get mediaKey(): Uint8Array {
        throw new TypeError('not what it seems')
      },
    },
  }
  const faults: unknown[] = []
  const { received, missed, changes } = readMessages(
    [
      message('A', broken),
      message('B', { conversation: 'next' }),
      message('C', { reactionMessage: { text: 'x', key: { id: 'B' } } }),
    ],
    to,
    (error, { key }) => faults.push([key.id, error]),
  )
  expect(received.map(each => each.message.body)).toEqual(['next'])
  expect(changes.map(({ targetId }) => targetId)).toEqual(['B'])
  expect(missed).toMatchObject([
    {
      waMessageId: 'A',
      chatId: '1555@c.us',
      type: 'unknown',
      reason: 'its content cannot be read: imageMessage',
    },
  ])
  expect(faults).toEqual([['A', new TypeError('not what it seems')]])
})
