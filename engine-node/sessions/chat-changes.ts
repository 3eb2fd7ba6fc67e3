// Changes of a chat that all devices of an account share, and what is shown in it. The store follows from the events that
// Baileys makes of our own changes, as it does for those of other devices.
import type { ChatModification, WASocket } from 'baileys'
import type { ChatChange, ChatChangeInput, NamedChatChange } from '../../src/contract/directory.ts'
import { GatewayError } from '../../src/contract/errors.ts'
import type { Db } from '../../src/db/db.ts'
import { youngestMessages } from '../../src/db/directory/chats.ts'
import type { MessageRow } from '../../src/db/messages.ts'
import type { Sealer } from '../store/sealer.ts'
import type { AccountPort } from './account-port.ts'
import { toJid, toNeutral } from './jid.ts'
import { readProto } from './outgoing.ts'
import { openProto } from './stored-proto.ts'
import { answered } from './whatsapp-answer.ts'

export interface ChatChanges {
  /**
   * False where there is nothing to change: no message that a mark could stand on. Rejects with `session_not_ready` while
   * the phone has not shared its settings, with `whatsapp_unanswered` when the outcome is not known.
   */
  change(change: NamedChatChange): Promise<boolean>
}

/** Receipts that one call sends, where no messages are named. */
const MAX_READ = 100

const states = { typing: 'composing', recording: 'recording', paused: 'paused' } as const

type Changes = { [K in ChatChange]: (input: ChatChangeInput<K>) => Promise<boolean> }

export function createChatChanges(deps: {
  sock: Pick<WASocket, 'chatModify' | 'readMessages' | 'sendPresenceUpdate'>
  db: Db
  sealer: Sealer
  sessionId: string
  /** Whether the keys of the settings that devices share have come from the phone. */
  maySync: () => boolean
  account: Pick<AccountPort, 'hear'>
}): ChatChanges {
  const { sock, db, sealer, sessionId, maySync, account } = deps

  async function modify(chatId: string, modification: ChatModification): Promise<boolean> {
    if (!maySync())
      throw new GatewayError(
        'session_not_ready',
        'The phone has not shared its settings yet. Try again shortly',
      )
    await answered('the change of the chat', sock.chatModify(modification, toJid(chatId)))
    return true
  }

  /** As WhatsApp knows the message; what was stored without its protobuf is put together from its row. */
  function keyOf(row: MessageRow) {
    const bytes = openProto(sealer, row)
    const stored = bytes && readProto(bytes).key
    if (stored?.id && stored.remoteJid) return stored
    const fromMe = row.direction === 'outgoing'
    return {
      remoteJid: toJid(row.chatId),
      id: row.waMessageId,
      fromMe,
      ...(row.author && !fromMe && { participant: toJid(row.author) }),
    }
  }

  const lastOf = async (given: string) => {
    const chatId = toNeutral(given)
    const [row] = await youngestMessages(db, { sessionId, chatId, limit: 1 })
    return row ? [{ key: keyOf(row), messageTimestamp: row.timestamp ?? 0 }] : []
  }

  /** For marks that say how far they reach. */
  async function upToLast(
    chatId: string,
    modification: (lastMessages: Awaited<ReturnType<typeof lastOf>>) => ChatModification,
  ): Promise<boolean> {
    const lastMessages = await lastOf(chatId)
    return lastMessages.length > 0 && (await modify(chatId, modification(lastMessages)))
  }

  const changes: Changes = {
    async read({ chatId: given, messageIds }) {
      const chatId = toNeutral(given)
      const of = { sessionId, chatId, limit: MAX_READ, unread: true }
      const rows = await youngestMessages(db, messageIds ? { ...of, ids: messageIds } : of)
      if (messageIds !== undefined && rows.length === 0) return false
      if (rows.length > 0) await answered('what was read', sock.readMessages(rows.map(keyOf)))
      if (messageIds === undefined && rows.length === 0)
        // Nothing to acknowledge; a mark that somebody has set by hand may be there.
        return upToLast(given, lastMessages => ({ markRead: true, lastMessages }))
      const [newest] = rows
      if (newest) account.hear(sessionId, [{ kind: 'read', chatId, waMessageId: newest.waMessageId }])
      return true
    },
    unread: ({ chatId }) => upToLast(chatId, lastMessages => ({ markRead: false, lastMessages })),
    archive: ({ chatId, archive }) => upToLast(chatId, lastMessages => ({ archive, lastMessages })),
    mute: ({ chatId, muteUntil }) => modify(chatId, { mute: muteUntil }),
    pin: ({ chatId, pin }) => modify(chatId, { pin }),
    delete: ({ chatId }) => upToLast(chatId, lastMessages => ({ delete: true, lastMessages })),
    clear: ({ chatId }) => upToLast(chatId, lastMessages => ({ clear: true, lastMessages })),
    async typing({ chatId, state }) {
      await answered('what is typed', sock.sendPresenceUpdate(states[state], toJid(chatId)))
      return true
    },
  }

  return {
    // A union of names cannot be called with a union of inputs; the variant has matched them.
    change: ({ change, input }) => (changes[change] as (input: unknown) => Promise<boolean>)(input),
  }
}
