// Plugins are told of a message in the turn of its chat; that they have heard is then written down, so that a restart, or whoever
// looks after lost writes, tells them of the rest.
import type { IncomingMessage } from '../../src/contract/message.ts'
import { markTold } from '../../src/db/message-writes.ts'
import type { NewMessageRow } from '../../src/db/messages.ts'
import type { Fault } from '../fault.ts'
import type { WriteQueue } from '../store/write-queue.ts'
import type { Connections } from './connections.ts'
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

/** Of a message that they are being told of, or have heard of already, it tells nobody twice. */
export type Tell = (told: Told) => void

/** What the lanes have taken is done before they are disposed of. */
export function createTell(deps: {
  queue: Pick<WriteQueue, 'putLater'>
  lanes: Lanes
  news: MessageNews
  connections: Pick<Connections, 'awaited'>
  /** The message with its file, once that is here or does not come in time. */
  withFile(id: string, message: IncomingMessage): Promise<IncomingMessage>
  fault?: Fault | undefined
}): Tell {
  const { queue, lanes, news, connections, withFile, fault } = deps
  /** Marked messages of which the database does not say yet that they are told. */
  const underWay = new Map<string, 'telling' | 'told'>()
  let told: string[] = []

  /** With those of other chats whose plugins answered at once: one statement marks many at little more than the price of one. */
  function write(id: string) {
    if (told.length === 0) queueMicrotask(writeAll)
    told.push(id)
  }

  function writeAll() {
    const ids = told
    told = []
    queue.putLater([markTold(ids)], () => {
      for (const id of ids) underWay.delete(id)
    })
  }

  return ({ id, sessionId, message, isMarked, row }) => {
    if (underWay.get(id) === 'told') return write(id)
    if (underWay.has(id)) return
    if (isMarked) underWay.set(id, 'telling')
    lanes.add(`${sessionId} ${message.chatId}`, async () => {
      // What a restart takes up, and what comes before a login is over: there is no connection to answer by yet.
      if (!(await connections.awaited(sessionId))) return void underWay.delete(id)
      try {
        await news.tellMessage(sessionId, isMarked ? await withFile(id, message) : message)
      } catch (error) {
        underWay.delete(id)
        throw error
      }
      if (!message.fromMe) fault?.('inbound.after-hook')
      if (isMarked) underWay.set(id, 'told')
      if (row) await news.tellStored(row)
      if (isMarked) write(id)
    })
  }
}
