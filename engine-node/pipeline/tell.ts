// Plugins are told of a message in the turn of its chat; that they have heard is then written down, so that a restart tells
// them of the rest.
import type { IncomingMessage } from '../../src/contract/message.ts'
import { markTold } from '../../src/db/message-writes.ts'
import type { NewMessageRow } from '../../src/db/messages.ts'
import type { Fault } from '../fault.ts'
import type { WriteQueue } from '../store/write-queue.ts'
import type { Lanes } from './lanes.ts'
import type { MessageNews } from './message-news.ts'

export interface Told {
  /** Of its row. */
  id: string
  sessionId: string
  message: IncomingMessage
  /** The row says that plugins wait for it. */
  isMarked: boolean
  /** Where it has just been stored. */
  row?: NewMessageRow
}

export type Tell = (told: Told) => void

/** What the lanes have taken is done before they are disposed of. */
export function createTell(deps: {
  queue: Pick<WriteQueue, 'put'>
  lanes: Lanes
  news: MessageNews
  /** The message with its file, once that is here or does not come in time. */
  withFile(id: string, message: IncomingMessage): Promise<IncomingMessage>
  fault?: Fault | undefined
}): Tell {
  const { queue, lanes, news, withFile, fault } = deps
  return ({ id, sessionId, message, isMarked, row }) =>
    lanes.add(`${sessionId} ${message.chatId}`, async () => {
      await news.tellMessage(sessionId, isMarked ? await withFile(id, message) : message)
      if (!message.fromMe) fault?.('inbound.after-hook')
      if (row) await news.tellStored(row)
      if (isMarked) queue.put([markTold(id)])
    })
}
