// What a phone remembers of its chats, and how it tells a newly linked device: in chunks, inside the message or as a file.
import { deflateSync } from 'node:zlib'
import { proto } from 'baileys'
import { type Account, addressOf, type Directory } from './account.ts'
import type { Companion } from './companion.ts'
import { compose } from './drafts.ts'
import type { Ledger } from './ledger.ts'
import type { Media } from './media.ts'
import { freshId, seconds } from './nodes.ts'
import { isGroup } from './outgoing.ts'
import type { PeerMessages } from './peer-messages.ts'
import type { HistoryChat, HistoryMessage, PhoneMemory } from './phone-memory.ts'

export interface History {
  /** Tells a newly linked device what the phone remembers. */
  introduce(to: Companion): Promise<void>
  /** Answers a device that asks for more of one chat. */
  more(
    to: Companion,
    requestId: string,
    asked: proto.Message.PeerDataOperationRequestMessage.IHistorySyncOnDemandRequest,
  ): Promise<void>
}

interface Deps {
  readonly directory: Directory
  readonly ledger: Ledger
  readonly media: Media
  readonly peers: PeerMessages
}

const { HISTORY_SYNC_NOTIFICATION } = proto.Message.ProtocolMessage.Type
const { INITIAL_BOOTSTRAP, RECENT, PUSH_NAME, ON_DEMAND } = proto.HistorySync.HistorySyncType

/** Makes the memory of all phones. */
export function createHistory({ directory, ledger, media, peers }: Deps): History {
  const addressing = ({ addressing = 'pn' }: HistoryChat) => addressing
  const jidOf = (chat: HistoryChat) =>
    isGroup(chat.with) ? chat.with.jid : addressOf(chat.with, addressing(chat))

  function toHistory(account: Account, chat: HistoryChat, message: HistoryMessage): proto.IHistorySyncMsg {
    const { id = freshId(), content, from, at } = message
    const fromMe = from.pn === account.pn
    const participant =
      isGroup(chat.with) && !fromMe ? { participant: addressOf(from, addressing(chat)) } : {}
    const key = { remoteJid: jidOf(chat), fromMe, id, ...participant }
    const composed = compose(content, {}, addressing(chat), media)
    const author = directory.find(from.pn)
    // What it remembers it can also upload again.
    if (author && !isGroup(chat.with))
      ledger.enter({ id, author, chat: chat.with, addressing: addressing(chat), message: composed })
    return { message: { key, message: composed, messageTimestamp: at } }
  }

  function toConversation(
    account: Account,
    chat: HistoryChat,
    messages: readonly HistoryMessage[],
  ): proto.IConversation {
    const { name, unread = 0, archived = false } = chat
    // Newest first, as phones tell it.
    const newestFirst = messages.toReversed().map(each => toHistory(account, chat, each))
    const person = isGroup(chat.with)
      ? { name: name ?? chat.with.subject ?? null }
      : { name: name ?? chat.with.name, pnJid: chat.with.pnJid, lidJid: chat.with.lidJid }
    return {
      id: jidOf(chat),
      ...person,
      unreadCount: unread,
      archived,
      conversationTimestamp: messages.at(-1)?.at ?? seconds(),
      messages: newestFirst,
    }
  }

  async function tell(
    to: Companion,
    sync: proto.IHistorySync,
    extra: proto.Message.IHistorySyncNotification = {},
  ) {
    const { via } = to.account.memory
    const packed = deflateSync(proto.HistorySync.encode(proto.HistorySync.fromObject(sync)).finish())
    const where =
      via === 'inline' ? { initialHistBootstrapInlinePayload: packed } : media.put(packed, 'History')
    const { syncType, progress = null, chunkOrder = 1 } = sync
    await peers.tell(to, {
      type: HISTORY_SYNC_NOTIFICATION,
      historySyncNotification: { syncType: Number(syncType), progress, chunkOrder, ...where, ...extra },
    })
  }

  /** Cuts the chats so that none of the pieces has more messages than a chunk holds. */
  function chunksOf({ chats, chunk }: PhoneMemory): HistoryChat[][] {
    const chunks: HistoryChat[][] = [[]]
    let room = chunk
    for (const chat of chats) {
      // The newest first: a device should show something soon.
      let end = chat.messages.length
      do {
        if (room === 0) {
          chunks.push([])
          room = chunk
        }
        const start = Math.max(0, end - room)
        chunks.at(-1)?.push({ ...chat, messages: chat.messages.slice(start, end) })
        room -= end - start
        end = start
      } while (end > 0)
    }
    return chunks
  }

  function mappings(account: Account) {
    const people = account.memory.chats.flatMap(chat => (isGroup(chat.with) ? [] : [chat.with]))
    return people.map(({ pnJid, lidJid }) => ({ pnJid, lidJid }))
  }

  return {
    async introduce(to) {
      const { account } = to
      const chunks = chunksOf(account.memory)
      // A client waits up to 20 s for the first of these, so there is one even if there is nothing to tell.
      for (const [index, chats] of chunks.entries()) {
        await tell(to, {
          syncType: index === 0 ? INITIAL_BOOTSTRAP : RECENT,
          chunkOrder: index + 1,
          progress: Math.round(((index + 1) / chunks.length) * 100),
          conversations: chats.map(chat => toConversation(account, chat, chat.messages)),
          phoneNumberToLidMappings: index === 0 ? mappings(account) : [],
        })
      }
      if (chunks.length === 1) await tell(to, { syncType: RECENT, conversations: [], progress: 100 })
      const pushnames = account.memory.chats.flatMap(({ with: person }) =>
        isGroup(person) ? [] : [{ id: person.pnJid, pushname: person.name }],
      )
      if (pushnames.length > 0) await tell(to, { syncType: PUSH_NAME, pushnames })
    },
    async more(to, requestId, { chatJid, oldestMsgId, onDemandMsgCount }) {
      const { account } = to
      const { chats, older } = account.memory
      const isAsked = (chat: HistoryChat) =>
        jidOf(chat) === chatJid || (!isGroup(chat.with) && directory.find(chatJid ?? '')?.pn === chat.with.pn)
      const [first, ...rest] = [...older, ...chats].filter(isAsked)
      const all = [first, ...rest]
        .flatMap(chat => chat?.messages ?? [])
        .toSorted((one, other) => one.at - other.at)
      const end = all.findIndex(({ id }) => id === oldestMsgId)
      const before = end < 0 ? all : all.slice(0, end)
      const messages = onDemandMsgCount ? before.slice(-onDemandMsgCount) : before
      const conversations = first ? [toConversation(account, first, messages)] : []
      await tell(
        to,
        { syncType: ON_DEMAND, conversations, progress: 100 },
        { peerDataRequestSessionId: requestId },
      )
    },
  }
}
