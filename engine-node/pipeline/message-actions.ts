// What this account does to messages that are there: react, edit, delete, pin, star. A change goes out as a message of its own; its
// row is stored before the socket sees it, and carried out once it has gone.
import { GatewayError } from '../../src/contract/errors.ts'
import type { SessionId } from '../../src/contract/ids.ts'
import type { MessageType, SendResult } from '../../src/contract/message.ts'
import type {
  DeleteMessage,
  Done,
  EditMessage,
  PinMessage,
  React,
  StarMessage,
  UnpinMessage,
} from '../../src/contract/outgoing.ts'
import type { Db } from '../../src/db/db.ts'
import { applyChange, dropChange, insertChange, type NewChange } from '../../src/db/message-changes.ts'
import { findByWaId, type MessageRow } from '../../src/db/messages.ts'
import type { Clock } from '../clock.ts'
import type { Change } from '../sessions/incoming-change.ts'
import { toNeutral } from '../sessions/jid.ts'
import type { Link } from '../sessions/link.ts'
import type { OutgoingContent } from '../sessions/outgoing-content.ts'
import { bothIds, preferredId } from '../sessions/people.ts'
import { openProto, sealProto } from '../sessions/stored-proto.ts'
import type { Sealer } from '../store/sealer.ts'
import type { WriteQueue } from '../store/write-queue.ts'
import { type Changes, changeValue, eventOf } from './changes.ts'
import type { Record } from './message-news.ts'

/** All reject with `not_found` for a message that is not in the chat, and as Sender does where there is no connection. */
export interface MessageActions {
  react(sessionId: SessionId, input: React): Promise<Done>
  /** Rejects with `forbidden` for the message of somebody else. Gives the id and time of the message itself. */
  edit(sessionId: SessionId, input: EditMessage): Promise<SendResult>
  /** Rejects with `forbidden` where WhatsApp knows no such deletion: of another's message in a chat of two. */
  remove(sessionId: SessionId, input: DeleteMessage): Promise<Done>
  pin(sessionId: SessionId, input: PinMessage): Promise<Done>
  unpin(sessionId: SessionId, input: UnpinMessage): Promise<Done>
  star(sessionId: SessionId, input: StarMessage): Promise<Done>
}

/** Kinds whose words can be edited. */
const editable: ReadonlySet<MessageType> = new Set(['text', 'image', 'video', 'document'])

interface Target {
  link: Link
  row: MessageRow
  proto: Uint8Array
  chatIds: string[]
}

export function createMessageActions(deps: {
  db: Db
  queue: Pick<WriteQueue, 'commit'>
  sealer: Sealer
  clock: Clock
  record: Record
  link(sessionId: string): Promise<Link>
  changes: Pick<Changes, 'tellChanged'>
  /** Ids of rows; see row-ids.ts. */
  nextRowId: () => string
}): MessageActions {
  const { db, queue, sealer, clock, record, changes, nextRowId } = deps

  async function find(sessionId: SessionId, of: { chatId: string; messageId: string }): Promise<Target> {
    const link = await deps.link(sessionId)
    const given = toNeutral(of.chatId)
    const { phoneId, lidId } = bothIds(link.book, given)
    const chatIds = [...new Set([phoneId ?? given, lidId ?? given, given])]
    for (const chatId of chatIds) {
      const row = await findByWaId(db, { sessionId, chatId, waMessageId: of.messageId })
      const proto = row && openProto(sealer, row)
      if (proto) return { link, row, proto, chatIds }
    }
    throw new GatewayError('not_found', `Message ${of.messageId} not found in chat ${given}`)
  }

  /** Sends a change and carries it out. Nothing of it stays when it is certain that it did not go. */
  async function make(
    sessionId: SessionId,
    { link, row, chatIds }: Target,
    what: { content: OutgoingContent; change: Change; mentions?: readonly string[] | undefined; at: number },
  ): Promise<void> {
    const { chatId } = row
    const me = link.identity() ?? { phoneId: null, lidId: null }
    const composed = link.compose({ chatId, content: what.content, mentions: what.mentions })
    const id = nextRowId()
    const facts = {
      waMessageId: composed.waMessageId,
      chatId,
      senderId: '',
      from: preferredId(me) ?? '',
      to: chatId,
      author: null,
      isGroup: chatId.endsWith('@g.us'),
      fromMe: true,
      targetId: row.waMessageId,
      at: what.at,
      change: what.change,
    }
    const change: NewChange = {
      ...facts,
      id,
      sessionId,
      chatIds,
      ...{ phoneId: me.phoneId, lidId: me.lidId },
      kind: what.change.kind,
      value: changeValue(facts),
      protoSealed: sealProto(sealer, sessionId, id, composed.proto),
      createdAt: clock.now(),
    }
    await queue.commit([insertChange(change)])
    try {
      await link.transmit(composed)
    } catch (error) {
      if (error instanceof GatewayError && error.certain) await queue.commit([dropChange(id)])
      throw error
    }
    await queue.commit([...eventOf(record, sessionId, facts, 'always'), ...applyChange(change)])
    await changes.tellChanged({ sessionId, chatIds, targetId: row.waMessageId })
  }

  const done = { success: true }

  async function setPin(
    sessionId: SessionId,
    input: { chatId: string; messageId: string },
    seconds: number | null,
  ): Promise<Done> {
    const target = await find(sessionId, input)
    const at = clock.now()
    await make(sessionId, target, {
      content: { kind: 'pin', target: target.proto, seconds, at },
      change: { kind: 'pin', pinned: seconds !== null, seconds: seconds ?? 0 },
      at,
    })
    return done
  }

  return {
    async react(sessionId, input) {
      const target = await find(sessionId, input)
      const { emoji } = input
      const at = clock.now()
      await make(sessionId, target, {
        content: { kind: 'reaction', target: target.proto, emoji, at },
        change: { kind: 'reaction', emoji },
        at,
      })
      return done
    },
    async edit(sessionId, input) {
      const target = await find(sessionId, input)
      const { row } = target
      if (row.direction !== 'outgoing') throw new GatewayError('forbidden', 'Only own messages can be edited')
      if (!editable.has(row.type))
        throw new GatewayError('invalid_input', `A message of type ${row.type} cannot be edited`)
      const { body, mentions = [] } = input
      const at = clock.now()
      await make(sessionId, target, {
        content: { kind: 'edit', target: target.proto, body, at },
        change: { kind: 'edit', body, type: row.type, mentionedIds: [...mentions] },
        mentions,
        at,
      })
      return { messageId: row.waMessageId, timestamp: row.timestamp ?? Math.floor(row.createdAt / 1000) }
    },
    async remove(sessionId, input) {
      const target = await find(sessionId, input)
      const { link, row, proto, chatIds } = target
      const at = clock.now()
      if (input.forEveryone) {
        if (row.direction !== 'outgoing' && !row.chatId.endsWith('@g.us'))
          throw new GatewayError('forbidden', 'Only own messages can be deleted for everyone')
        await make(sessionId, target, {
          content: { kind: 'revoke', target: proto },
          change: { kind: 'revoke' },
          at,
        })
        return done
      }
      await link.messages.deleteForMe(proto, row.timestamp ?? Math.floor(row.createdAt / 1000))
      const change: NewChange = {
        id: nextRowId(),
        sessionId,
        // No message says so: the devices of this account share it as a setting.
        waMessageId: `${row.waMessageId}:deleted`,
        chatId: row.chatId,
        chatIds,
        senderId: '',
        phoneId: null,
        lidId: null,
        targetId: row.waMessageId,
        kind: 'hide',
        value: {},
        at,
        createdAt: at,
      }
      await queue.commit([insertChange(change), ...applyChange(change)])
      await changes.tellChanged({ sessionId, chatIds, targetId: row.waMessageId })
      return done
    },
    pin: (sessionId, input) => setPin(sessionId, input, input.durationSeconds),
    unpin: (sessionId, input) => setPin(sessionId, input, null),
    async star(sessionId, input) {
      const { link, proto } = await find(sessionId, input)
      await link.messages.star(proto, input.star)
      return done
    },
  }
}
