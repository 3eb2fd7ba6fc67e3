// Chats, contacts and groups as plugins and the API see them (plugin contract, sections 4 and 7; REST spec, sections 1, 4, 5).
import * as v from 'valibot'
import { ChatKind, MessageType } from './message.ts'

/** `timestamp` is in seconds. What only the phone knows (read marks, archive, mute) is told as not so. */
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
  isAdmin: v.boolean(),
  isSuperAdmin: v.boolean(),
})

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
})
export type GroupInfo = v.InferOutput<typeof GroupInfo>

export const HISTORY_DEFAULT = 50
export const HISTORY_MAX = 100
