// What goes to WhatsApp: a message has its id and its row before the socket sees it, so that no crash sends it twice under
// two ids or forgets that it was sent.
import { GatewayError } from '../../src/contract/errors.ts'
import type { SessionId } from '../../src/contract/ids.ts'
import type { Reply, SendResult, SendText } from '../../src/contract/message.ts'
import type { Db } from '../../src/db/db.ts'
import {
  findByWaId,
  insertMessage,
  type MessageRow,
  type NewMessageRow,
  updateMessageStatus,
} from '../../src/db/messages.ts'
import type { Clock } from '../clock.ts'
import { chatKind, toNeutral } from '../sessions/jid.ts'
import type { Link } from '../sessions/link.ts'
import { bothIds, preferredId } from '../sessions/people.ts'
import { openProto, sealProto } from '../sessions/stored-proto.ts'
import type { Sealer } from '../store/sealer.ts'
import type { WriteQueue } from '../store/write-queue.ts'

export interface Sender {
  /**
   * Resolves when WhatsApp's socket has taken the message; its row is durable by then. Rejects with `not_found`,
   * `session_not_started`, `session_not_ready`, `storage_unavailable`, or `transport_failed` with `certain`.
   */
  sendText(sessionId: SessionId, input: SendText): Promise<SendResult>
  reply(sessionId: SessionId, input: Reply): Promise<SendResult>
}

export function createSender(deps: {
  db: Db
  queue: Pick<WriteQueue, 'commit'>
  sealer: Sealer
  clock: Clock
  sessions: { link(sessionId: string): Promise<Link> }
  /** Ids of rows; see row-ids.ts. */
  nextRowId: () => string
}): Sender {
  const { db, queue, sealer, clock, sessions, nextRowId } = deps

  /** The chat's neutral id, and both ids of the person where it is one. */
  function chatOf(link: Link, given: string) {
    const chatId = toNeutral(given)
    const isDirect = chatKind(chatId) === 'individual'
    const person = isDirect ? bothIds(link.book, chatId) : { phoneId: null, lidId: null }
    return { chatId: preferredId(person) ?? chatId, person }
  }

  /** A chat may have been stored under the person's other id, before the pair was known. */
  async function quotedRow(sessionId: SessionId, chat: ReturnType<typeof chatOf>, waMessageId: string) {
    for (const chatId of new Set([chat.chatId, chat.person.lidId ?? chat.chatId])) {
      const row = await findByWaId(db, { sessionId, waMessageId, chatId })
      if (row) return row
    }
    throw new GatewayError('not_found', `Message ${waMessageId} not found in chat ${chat.chatId}`)
  }

  function quotedProto(row: MessageRow): Uint8Array {
    const bytes = openProto(sealer, row)
    if (bytes === null)
      throw new GatewayError('not_found', `Message ${row.waMessageId} was stored without what a quote needs`)
    return bytes
  }

  async function send(sessionId: SessionId, input: SendText): Promise<SendResult> {
    const link = await sessions.link(sessionId)
    const chat = chatOf(link, input.chatId)
    const quoted = input.quotedMessageId && (await quotedRow(sessionId, chat, input.quotedMessageId))
    const message = link.compose({
      chatId: toNeutral(input.chatId),
      text: input.text,
      mentions: input.mentions,
      quoted: quoted ? quotedProto(quoted) : undefined,
    })
    const id = nextRowId()
    const row: NewMessageRow = {
      id,
      sessionId,
      waMessageId: message.waMessageId,
      chatId: chat.chatId,
      senderId: '',
      from: preferredId(link.identity() ?? { phoneId: null, lidId: null }) ?? '',
      to: chat.chatId,
      ...chat.person,
      body: input.text,
      type: 'text',
      direction: 'outgoing',
      timestamp: message.timestamp,
      metadata: quoted ? { quotedMessage: { id: quoted.waMessageId, body: quoted.body ?? '' } } : null,
      status: 'pending',
      protoSealed: sealProto(sealer, sessionId, id, message.proto),
      createdAt: clock.now(),
    }
    await queue.commit([insertMessage(db, row)])
    try {
      await link.transmit(message)
    } catch (error) {
      // Only what certainly did not leave has failed; of the rest the ack will tell.
      if (error instanceof GatewayError && error.certain)
        await queue.commit([
          updateMessageStatus(db, {
            sessionId,
            waMessageId: message.waMessageId,
            status: 'failed',
            error: error.code,
          }),
        ])
      throw error
    }
    return { messageId: message.waMessageId, timestamp: message.timestamp }
  }

  return { sendText: send, reply: send }
}
