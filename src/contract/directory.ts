// Chats, contacts and groups as plugins and the API see them (plugin contract, sections 4 and 7; REST spec, sections 1, 4, 5).
import * as v from 'valibot'
import { ChatId, WaMessageId } from './ids.ts'
import { ChatKind, MessageType } from './message.ts'

const Flag = v.boolean('must be true or false')
const Milliseconds = v.pipe(
  v.number('must be a time in milliseconds, or null'),
  v.integer('must be a whole number'),
  v.minValue(1, 'must be at least 1'),
)
const MessageIds = v.pipe(
  v.array(WaMessageId),
  v.minLength(1, 'must name at least one message'),
  v.maxLength(100, 'must name at most 100 messages'),
)

/** `timestamp` is in seconds; `muteExpiration` in milliseconds, 0 for ever. `unreadCount` is -1 for a chat marked by hand. */
export const ChatSummary = v.strictObject({
  id: v.string(),
  name: v.string(),
  isGroup: v.boolean(),
  kind: ChatKind,
  unreadCount: v.number(),
  timestamp: v.number(),
  lastMessage: v.optional(v.string()),
  lastMessageType: v.optional(MessageType),
  archived: v.boolean(),
  pinned: v.boolean(),
  muted: v.boolean(),
  muteExpiration: v.optional(v.number()),
})
export type ChatSummary = v.InferOutput<typeof ChatSummary>

/** `id` is the phone's where it is known, else the lid; `number` is what stands before the `@`. */
export const Contact = v.strictObject({
  id: v.string(),
  number: v.string(),
  name: v.optional(v.string()),
  pushName: v.optional(v.string()),
  isMyContact: v.boolean(),
  isBlocked: v.boolean(),
})
export type Contact = v.InferOutput<typeof Contact>

export const NumberCheck = v.strictObject({
  number: v.string(),
  exists: v.boolean(),
  whatsappId: v.nullable(v.string()),
})
export type NumberCheck = v.InferOutput<typeof NumberCheck>

export const GroupParticipant = v.strictObject({
  id: v.string(),
  number: v.string(),
  name: v.optional(v.string()),
  isAdmin: v.boolean(),
  isSuperAdmin: v.boolean(),
})

const memberAddModes = ['all', 'admins'] as const

/** Who may write, who may change the group, and how long messages stay; what WhatsApp has not said is left out. */
export const GroupSettings = v.strictObject({
  announce: v.boolean(),
  locked: v.boolean(),
  ephemeralSeconds: v.optional(v.number()),
  memberAddMode: v.optional(v.picklist(memberAddModes)),
})
export type GroupSettings = v.InferOutput<typeof GroupSettings>

/** `createdAt` is in seconds. `isReadOnly`: only admins write, and this account is none. */
export const GroupInfo = v.strictObject({
  id: v.string(),
  name: v.string(),
  description: v.nullable(v.string()),
  owner: v.nullable(v.string()),
  createdAt: v.nullable(v.number()),
  isReadOnly: v.boolean(),
  isAnnounce: v.boolean(),
  linkedParentJID: v.nullable(v.string()),
  participants: v.array(GroupParticipant),
  announce: v.optional(v.boolean()),
  locked: v.optional(v.boolean()),
  ephemeralSeconds: v.optional(v.number()),
  memberAddMode: v.optional(v.picklist(memberAddModes)),
})
export type GroupInfo = v.InferOutput<typeof GroupInfo>

export const HISTORY_DEFAULT = 50
export const HISTORY_MAX = 100

export const GroupSummary = v.strictObject({
  id: v.string(),
  name: v.string(),
  linkedParentJID: v.nullable(v.string()),
})
export type GroupSummary = v.InferOutput<typeof GroupSummary>

/** What an invite shows of a group that this account need not be in. */
export const GroupJoinInfo = v.strictObject({
  id: v.string(),
  name: v.string(),
  description: v.optional(v.string()),
  owner: v.optional(v.string()),
  createdAt: v.optional(v.number()),
  participantCount: v.optional(v.number()),
})
export type GroupJoinInfo = v.InferOutput<typeof GroupJoinInfo>

/** Who is there in a chat, as it was last shown. `lastSeen` is in seconds. */
export const Presence = v.strictObject({
  chatId: v.string(),
  participants: v.array(
    v.strictObject({ id: v.string(), state: v.string(), lastSeen: v.optional(v.number()) }),
  ),
  groupOnlineCount: v.optional(v.number()),
  observedAt: v.string(),
})
export type Presence = v.InferOutput<typeof Presence>

/** Changes of a chat that the other devices of the account take over (REST spec 21 to 28). */
export const chatChanges = {
  read: v.strictObject({ chatId: ChatId, messageIds: v.optional(MessageIds) }),
  unread: v.strictObject({ chatId: ChatId }),
  archive: v.strictObject({ chatId: ChatId, archive: Flag }),
  mute: v.strictObject({ chatId: ChatId, muteUntil: v.nullable(Milliseconds) }),
  pin: v.strictObject({ chatId: ChatId, pin: Flag }),
  delete: v.strictObject({ chatId: ChatId }),
  clear: v.strictObject({ chatId: ChatId }),
  typing: v.strictObject({
    chatId: ChatId,
    state: v.picklist(['typing', 'recording', 'paused'], 'must be typing, recording or paused'),
  }),
} as const
export type ChatChange = keyof typeof chatChanges
export type ChatChangeInput<K extends ChatChange> = v.InferOutput<(typeof chatChanges)[K]>

/** The change with its name, as it crosses the port. */
export const NamedChatChange = v.variant('change', [
  v.strictObject({ change: v.literal('read'), input: chatChanges.read }),
  v.strictObject({ change: v.literal('unread'), input: chatChanges.unread }),
  v.strictObject({ change: v.literal('archive'), input: chatChanges.archive }),
  v.strictObject({ change: v.literal('mute'), input: chatChanges.mute }),
  v.strictObject({ change: v.literal('pin'), input: chatChanges.pin }),
  v.strictObject({ change: v.literal('delete'), input: chatChanges.delete }),
  v.strictObject({ change: v.literal('clear'), input: chatChanges.clear }),
  v.strictObject({ change: v.literal('typing'), input: chatChanges.typing }),
])
export type NamedChatChange = v.InferOutput<typeof NamedChatChange>

export const InviteCode = v.strictObject({ inviteCode: v.string(), inviteLink: v.string() })
export type InviteCode = v.InferOutput<typeof InviteCode>

/** Somebody who waits to be let into a group. `requestedAt` is in seconds. */
export const MembershipRequest = v.strictObject({
  participantId: v.string(),
  addedById: v.optional(v.string()),
  method: v.optional(v.string()),
  requestedAt: v.optional(v.number()),
})
export type MembershipRequest = v.InferOutput<typeof MembershipRequest>
