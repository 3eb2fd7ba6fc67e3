// History as it comes over one connection: Baileys announces a piece with a message, fetches it and tells what is in it. A piece
// that a restart has cut off is fetched once more from its announcement.
import {
  type BaileysEventMap,
  downloadAndProcessHistorySyncNotification,
  proto,
  type WAMessage,
} from 'baileys'
import type { History, HistoryMessage } from '../history/history.ts'
import type { Logger } from '../log.ts'
import { type Receiver, toReceived } from './incoming.ts'
import { refusalOf } from './whatsapp-answer.ts'

export interface HistorySync {
  /** Messages in the turn in which they came. */
  sees(messages: readonly WAMessage[]): void
  /** What was in the piece that was announced last. */
  holds(data: BaileysEventMap['messaging-history.set']): void
  /** Fetches what earlier connections have not stored to its end. */
  resume(): Promise<void>
}

const { ERROR, SERVER_ACK, DELIVERY_ACK, READ, PLAYED, PENDING } = proto.WebMessageInfo.Status
const statuses = new Map<unknown, HistoryMessage['status']>([
  [ERROR, 'failed'],
  [PENDING, 'sent'],
  [SERVER_ACK, 'sent'],
  [DELIVERY_ACK, 'delivered'],
  [READ, 'read'],
  [PLAYED, 'played'],
])

/** What the media host answers for a file that it has thrown away. */
const GONE: ReadonlySet<number> = new Set([403, 404, 410])

export function createHistorySync(deps: {
  sessionId: string
  history: Pick<History, 'announce' | 'take' | 'pending' | 'lost'>
  receiver: () => Receiver
  /** For fetch, as Baileys has them. */
  options: RequestInit
  log: Logger
  isOpen: () => boolean
}): HistorySync {
  const { sessionId, history, receiver, options, log, isOpen } = deps
  let announced: string | null = null

  function take(id: string, messages: readonly WAMessage[], taken = 0) {
    const to = receiver()
    history.take(
      {
        sessionId,
        id,
        length: messages.length,
        at(index) {
          const given = messages[index]
          const received = given?.key ? toReceived(given, to) : null
          return received && { ...received, status: statuses.get(given?.status) ?? null }
        },
      },
      taken,
    )
  }

  return {
    sees(messages) {
      for (const { key, message } of messages) {
        const notice = message?.protocolMessage?.historySyncNotification
        if (!notice || !key.fromMe || !key.id) continue
        announced = key.id
        history.announce(sessionId, key.id, proto.Message.HistorySyncNotification.encode(notice).finish())
      }
    },
    holds({ messages }) {
      if (announced === null) return
      take(announced, messages)
      announced = null
    },
    async resume() {
      for (const { id, notice, taken } of await history.pending(sessionId)) {
        if (!isOpen()) return
        try {
          const { messages } = await downloadAndProcessHistorySyncNotification(
            proto.Message.HistorySyncNotification.decode(notice),
            options,
          )
          take(id, messages, taken)
        } catch (error) {
          if (GONE.has(refusalOf(error) ?? 0)) history.lost(sessionId, id)
          else log.warn({ err: error, sessionId }, 'a piece of history could not be fetched')
        }
      }
    },
  }
}
