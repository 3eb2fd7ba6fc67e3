// The pipeline's sender as plugins use it: who calls goes with each call, and their words for media become the pipeline's.
import type { SessionId } from '../../src/contract/ids.ts'
import type { Reply, SendText } from '../../src/contract/message.ts'
import type { Sender } from '../pipeline/sender.ts'
import type { CallOrigin } from './verb.ts'
import type { ConversationLocation, ConversationMedia } from './verbs/conversations.ts'

export function createPluginSender(sender: Sender) {
  return {
    sendText: (id: SessionId, input: SendText, origin: CallOrigin) => sender.sendText(id, input, { origin }),
    reply: (id: SessionId, input: Reply, origin: CallOrigin) => sender.reply(id, input, { origin }),
    sendMedia: (id: SessionId, { type, url, caption, chatId }: ConversationMedia, origin: CallOrigin) =>
      sender.send(id, type === 'file' ? 'document' : type, { chatId, url, caption }, { origin }),
    sendLocation: (id: SessionId, input: ConversationLocation, origin: CallOrigin) =>
      sender.send(id, 'location', input, { origin }),
  }
}
