import { describe, expect, it, vi } from 'vitest'
import type { CallOrigin } from '../verb.ts'
import { createMessageVerbs } from './messages.ts'

const session = '0b0d6a57-6f0f-4d0e-8a55-2f0e7a9d9f10'
const origin: CallOrigin = {
  pluginId: 'bot',
  inFlight: [],
  signal: new AbortController().signal,
  assertStillAllowed: () => {},
  assertActiveFor: () => {},
}

function start() {
  const sender = {
    sendText: vi.fn(async () => ({ messageId: 'A', timestamp: 1 })),
    reply: vi.fn(async () => ({ messageId: 'B', timestamp: 2 })),
  }
  return { sender, verbs: createMessageVerbs({ sender }) }
}

describe('message verbs', () => {
  it('send what the API would send, in the name of the plugin', async () => {
    const { sender, verbs } = start()
    await verbs['messages.sendText']([session, '1555@c.us', 'hi'], origin)
    expect(sender.sendText).toHaveBeenCalledWith(session, { chatId: '1555@c.us', text: 'hi' }, origin)
    await verbs['messages.reply']([session, '1555@c.us', 'Q1', 'hi'], origin)
    const input = { chatId: '1555@c.us', quotedMessageId: 'Q1', text: 'hi' }
    expect(sender.reply).toHaveBeenCalledWith(session, input, origin)
  })

  it.each([
    ['chatId', 'nobody', 'hi'],
    ['chatId', `${'x'.repeat(200)}@c.us`, 'hi'],
    ['text', '1555@c.us', 'x'.repeat(4_097)],
  ])('refuse a wrong %s by the rules of the API', async (field, chatId, text) => {
    const { sender, verbs } = start()
    await expect(verbs['messages.sendText']([session, chatId, text], origin)).rejects.toMatchObject({
      code: 'invalid_input',
      message: expect.stringContaining(field),
    })
    expect(sender.sendText).not.toHaveBeenCalled()
  })
})
