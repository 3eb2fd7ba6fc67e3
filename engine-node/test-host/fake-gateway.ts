// What stands behind the broker in tests of plugins: sends that are written down, storage and mappings in memory, and a
// history made of what the test let happen. Permissions, gates, arguments and `net.allow` are the real ones, in front of it.
import { STORAGE_QUOTA_BYTES } from '../../src/contract/capabilities.ts'
import type { ConversationEnvelope } from '../../src/contract/conversation.ts'
import type { GroupInfo } from '../../src/contract/directory.ts'
import { GatewayError } from '../../src/contract/errors.ts'
import type { IncomingMessage, SendResult } from '../../src/contract/message.ts'
import type { CallOrigin, Verbs } from '../broker/verb.ts'
import { historyLimit } from '../broker/verbs/engine.ts'
import { createMessageVerbs } from '../broker/verbs/messages.ts'
import { createFakeConversations, type FakeConversations } from './fake-conversations.ts'

/** A message that went out, whoever sent it. */
export interface SentRecord {
  sessionId: string
  chatId: string
  type: string
  text: string
  messageId: string
  quotedMessageId?: string
  mediaUrl?: string
  latitude?: number
  longitude?: number
}

export interface FakeGateway {
  readonly sent: SentRecord[]
  readonly storage: Map<string, unknown>
  readonly history: IncomingMessage[]
  readonly conversations: FakeConversations
  readonly verbs: Omit<Verbs, 'net.fetch'>
}

/** A send as the hook before it sees it; gives what may go out. Throws `sending_blocked`. */
export type JudgeSend = (sessionId: string, send: Outgoing, origin: CallOrigin) => Promise<Outgoing>

export interface Outgoing {
  type: string
  input: { chatId: string; text?: string | undefined; [more: string]: unknown }
}

export function createFakeGateway(deps: {
  now(): number
  judge: JudgeSend
  groups: Readonly<Record<string, GroupInfo>>
  quotaBytes?: number
}): FakeGateway {
  const { judge, groups, quotaBytes = STORAGE_QUOTA_BYTES } = deps
  const sent: SentRecord[] = []
  const storage = new Map<string, unknown>()
  const history: IncomingMessage[] = []
  const conversations = createFakeConversations()
  let ids = 0

  async function send(
    sessionId: string,
    type: string,
    input: Outgoing['input'],
    origin: CallOrigin,
  ): Promise<SendResult> {
    const judged = (await judge(sessionId, { type, input }, origin)).input
    origin.assertStillAllowed()
    ids += 1
    const messageId = `OUT${ids}`
    sent.push({ ...judged, sessionId, type, text: judged.text ?? '', messageId } as SentRecord)
    return { messageId, timestamp: Math.floor(deps.now() / 1_000) }
  }

  const bytesOf = (key: string, value: unknown) =>
    Buffer.byteLength(key) + Buffer.byteLength(JSON.stringify(value))

  function chatOf({ chatId, instanceId, source }: ConversationEnvelope): string {
    if (chatId) return chatId
    const mapping =
      instanceId && source ? conversations.byProvider(instanceId, source.externalConversationId) : undefined
    if (mapping) return mapping.chatId
    throw new GatewayError('not_found', 'conversation.send: no chat is mapped to that conversation')
  }

  const peopleIn = (sessionId: string) =>
    sessionId === ''
      ? []
      : [...new Set(history.filter(({ isGroup }) => !isGroup).map(({ chatId }) => chatId))]
  const toContact = (id: string) => ({
    id,
    number: id.replace(/@.*/, ''),
    isMyContact: false,
    isBlocked: false,
  })

  return {
    sent,
    storage,
    history,
    conversations,
    verbs: {
      ...createMessageVerbs({
        sender: {
          sendText: (sessionId, input, origin) => send(sessionId, 'text', input, origin),
          reply: (sessionId, input, origin) => send(sessionId, 'reply', input, origin),
        },
      }),
      ...conversations.verbs,
      async 'conversations.send'([envelope], origin) {
        const { sessionId, type, text, mediaUrl, replyTo, latitude, longitude } = envelope
        if (type === 'location' && (latitude == null || longitude == null))
          throw new GatewayError(
            'invalid_input',
            'conversation.send: a location needs latitude and longitude',
          )
        return await send(
          sessionId,
          mediaUrl || type === 'location' ? type : 'text',
          {
            chatId: chatOf(envelope),
            text: text ?? '',
            ...(replyTo ? { quotedMessageId: replyTo } : {}),
            ...(mediaUrl ? { mediaUrl } : {}),
            ...(type === 'location' && latitude != null && longitude != null ? { latitude, longitude } : {}),
          },
          origin,
        )
      },
      'storage.get': async ([key]) => structuredClone(storage.get(key) ?? null),
      async 'storage.set'([key, value]) {
        const others = [...storage].filter(([other]) => other !== key)
        const used = others.reduce((sum, [other, kept]) => sum + bytesOf(other, kept), 0)
        if (used + bytesOf(key, value ?? null) > quotaBytes)
          throw new GatewayError('capability_failed', `storage quota exceeded (limit ${quotaBytes} bytes)`)
        storage.set(key, value ?? null)
        return null
      },
      async 'storage.delete'([key]) {
        storage.delete(key)
        return null
      },
      'storage.list': async ([prefix]) => [...storage.keys()].filter(key => key.startsWith(prefix)).sort(),
      async 'engine.getGroupInfo'([, groupId]) {
        const group = groups[groupId]
        if (group) return group
        throw new GatewayError('not_found', `Group ${groupId} not found`)
      },
      'engine.getContacts': async ([sessionId]) => peopleIn(sessionId).map(toContact),
      'engine.getContactById': async ([sessionId, id]) =>
        peopleIn(sessionId).includes(id) ? toContact(id) : null,
      async 'engine.checkNumberExists'([sessionId, number]) {
        const whatsappId = peopleIn(sessionId).find(id => id === `${number.replace(/\D/g, '')}@c.us`) ?? null
        return { number, exists: whatsappId !== null, whatsappId }
      },
      async 'engine.getChats'() {
        const latest = new Map(history.map(message => [message.chatId, message]))
        return [...latest.values()].reverse().map(({ chatId, isGroup, kind, timestamp, body, type }) => ({
          id: chatId,
          name: chatId.replace(/@.*/, ''),
          isGroup,
          kind,
          unreadCount: 0,
          timestamp,
          lastMessage: body,
          lastMessageType: type,
          archived: false,
          pinned: false,
          muted: false,
        }))
      },
      'engine.getChatHistory': async ([, chatId, limit]) =>
        history.filter(message => message.chatId === chatId).slice(-historyLimit(limit)),
      'engine.canonicalChatId': async ([, chatId]) => chatId,
    },
  }
}
