// The events: what webhooks, streams and the event log carry. One row each with its data, the base of its idempotency key and
// who may have it (webhooks and events spec, sections 1, 3 and 4). Recording and delivering them is others' business.
import * as v from 'valibot'
import { IncomingMessage, MessageStatus } from './message.ts'
import { SessionStatus } from './session.ts'

/** Facts that a key is made of besides the data. `hash` gives a short digest of a text; times are epoch milliseconds. */
export interface KeyFacts {
  sessionId: string
  occurredAt: number
  hash(text: string): string
}

interface EventRow<S extends v.GenericSchema> {
  data: S
  /** The same for the same logical event. OpenWA's forms; receivers take them as opaque. */
  key(data: v.InferOutput<S>, facts: KeyFacts): string
  /** The chat that it belongs to: deliveries of one chat keep their order. */
  chat?(data: v.InferOutput<S>): string | undefined
  /** OpenWA's live socket knows it; its two duplicates are left out there. */
  socket: boolean
  /** The least role that may read it from the log and the streams. */
  role: 'viewer' | 'operator'
}

const event = <S extends v.GenericSchema>(
  row: Omit<EventRow<S>, 'socket' | 'role'> & Partial<EventRow<S>>,
): EventRow<S> => ({ socket: true, role: 'viewer', ...row })

const MessageAck = v.looseObject({
  id: v.string(),
  messageId: v.string(),
  status: MessageStatus,
  /** OpenWA's number for the status; deprecated there. */
  ack: v.number(),
  chatId: v.optional(v.string()),
})
const MessageRevoked = v.looseObject({
  id: v.string(),
  /** Id of the original, which is what to match on. */
  revokedId: v.optional(v.string()),
  chatId: v.string(),
  from: v.string(),
  to: v.string(),
  type: v.literal('revoked'),
  body: v.literal(''),
  timestamp: v.number(),
})
const MessageReaction = v.looseObject({
  messageId: v.string(),
  chatId: v.string(),
  /** Empty: taken back. */
  reaction: v.string(),
  senderId: v.string(),
})
const MessageEdited = v.looseObject({
  messageId: v.string(),
  chatId: v.string(),
  body: v.string(),
  senderId: v.string(),
  from: v.string(),
  to: v.string(),
  fromMe: v.boolean(),
  isGroup: v.boolean(),
  type: v.string(),
  hasMedia: v.boolean(),
  author: v.optional(v.string()),
  mentionedIds: v.optional(v.array(v.string())),
  /** Of the edit, in seconds. */
  timestamp: v.number(),
})

const ofSession = { sessionId: v.string() }
const GroupPeople = v.looseObject({
  groupId: v.string(),
  actorId: v.optional(v.string()),
  participantIds: v.array(v.string()),
  timestamp: v.number(),
})
const GroupUpdate = v.looseObject({
  ...GroupPeople.entries,
  changes: v.looseObject({
    subject: v.optional(v.string()),
    description: v.optional(v.string()),
    announce: v.optional(v.boolean()),
    locked: v.optional(v.boolean()),
    /** Those named are admins from now on, or no more. Not one of OpenWA's changes. */
    admin: v.optional(v.boolean()),
  }),
})
const CallReceived = v.looseObject({
  callId: v.string(),
  from: v.string(),
  isVideo: v.boolean(),
  isGroup: v.boolean(),
  timestamp: v.number(),
})
const CallEnded = v.looseObject({ ...ofSession, ...CallReceived.entries, outcome: v.string() })

const message = event({
  data: IncomingMessage,
  key: (data, { sessionId }) => `msg_${sessionId}_${data.id}`,
  chat: data => data.chatId,
})
const group = (verb: 'join' | 'leave' | 'join_request') =>
  event({
    data: GroupPeople,
    key: (data, { occurredAt, hash }) =>
      `grp_${data.groupId}_${hash(data.participantIds.join())}_${verb}_${occurredAt}`,
    chat: data => data.groupId,
  })
const callEnd = event({
  data: CallEnded,
  key: (data, { sessionId }) => `call_${sessionId}_${data.callId}_${data.outcome}`,
  chat: data => data.from,
})

export const events = {
  'message.received': message,
  'message.sent': message,
  'message.ack': event({
    data: MessageAck,
    key: (data, { sessionId }) => `ack_${sessionId}_${data.messageId}_${data.status}`,
    chat: data => data.chatId,
  }),
  'message.failed': event({
    data: MessageAck,
    key: (data, { sessionId }) => `failed_${sessionId}_${data.messageId}_${data.status}`,
    chat: data => data.chatId,
    socket: false,
  }),
  'message.revoked': event({
    data: MessageRevoked,
    key: (data, { sessionId }) => `rev_${sessionId}_${data.id}`,
    chat: data => data.chatId,
  }),
  'message.reaction': event({
    data: MessageReaction,
    key: (data, { sessionId, occurredAt }) =>
      `react_${sessionId}_${data.messageId}_${data.senderId}_${occurredAt}`,
    chat: data => data.chatId,
  }),
  'message.edited': event({
    data: MessageEdited,
    key: (data, { sessionId, occurredAt }) => `edit_${sessionId}_${data.messageId}_${occurredAt}`,
    chat: data => data.chatId,
  }),
  'session.status': event({
    data: v.looseObject({ ...ofSession, status: SessionStatus }),
    key: (data, { sessionId, occurredAt }) => `sess_${sessionId}_${data.status}_${occurredAt}`,
  }),
  'session.qr': event({
    data: v.looseObject({ ...ofSession, qr: v.string() }),
    key: (data, { sessionId, hash }) => `qr_${sessionId}_${hash(data.qr)}`,
    // Whoever scans it owns the account's messages.
    role: 'operator',
  }),
  'session.authenticated': event({
    data: v.looseObject({ ...ofSession, phone: v.nullable(v.string()), pushName: v.nullable(v.string()) }),
    key: (data, { sessionId, occurredAt, hash }) =>
      `auth_${sessionId}_${hash(`${data.phone} ${data.pushName}`)}_${occurredAt}`,
  }),
  'session.disconnected': event({
    data: v.looseObject({ ...ofSession, reason: v.string() }),
    key: (data, { sessionId, occurredAt, hash }) => `disc_${sessionId}_${hash(data.reason)}_${occurredAt}`,
  }),
  'session.reconnect_loop': event({
    data: v.looseObject({ ...ofSession, attempts: v.number(), nextDelayMs: v.number() }),
    key: (data, { sessionId, occurredAt }) => `loop_${sessionId}_${data.attempts}_${occurredAt}`,
    socket: false,
  }),
  'session.restriction': event({
    data: v.looseObject({
      ...ofSession,
      active: v.boolean(),
      kind: v.string(),
      code: v.nullable(v.string()),
      expiresAt: v.nullable(v.string()),
    }),
    key: (data, { sessionId, occurredAt }) => `restr_${sessionId}_${data.kind}_${data.active}_${occurredAt}`,
  }),
  'presence.update': event({
    data: v.looseObject({
      ...ofSession,
      chatId: v.string(),
      participants: v.array(
        v.looseObject({ id: v.string(), state: v.string(), lastSeen: v.optional(v.number()) }),
      ),
      groupOnlineCount: v.optional(v.number()),
    }),
    key: (data, { sessionId, occurredAt, hash }) =>
      `pres_${sessionId}_${data.chatId}_${hash(JSON.stringify(data.participants))}_${occurredAt}`,
    chat: data => data.chatId,
  }),
  'call.received': event({
    data: CallReceived,
    key: (data, { sessionId }) => `call_${sessionId}_${data.callId}`,
    chat: data => data.from,
  }),
  'call.accepted': callEnd,
  'call.rejected': callEnd,
  'call.missed': callEnd,
  'group.join': group('join'),
  'group.leave': group('leave'),
  'group.update': event({
    data: GroupUpdate,
    key: (data, { occurredAt, hash }) =>
      `grp_${data.groupId}_update_${hash(`${JSON.stringify(data.changes)}${data.participantIds.join()}`)}_${occurredAt}`,
    chat: data => data.groupId,
  }),
  'group.join_request': group('join_request'),
  'status.received': event({
    data: v.looseObject({
      ...ofSession,
      statusId: v.string(),
      contact: v.looseObject({ id: v.string() }),
      type: v.string(),
      caption: v.optional(v.string()),
      hasMedia: v.boolean(),
      mediaOmitted: v.boolean(),
      omitReason: v.optional(v.string()),
      /** Milliseconds, both, unlike the times of messages. */
      postedAt: v.number(),
      expiresAt: v.number(),
    }),
    key: (data, { hash }) => `evt_status_received_${hash(data.statusId)}`,
  }),
  /** Not one of OpenWA's: an endpoint has been switched off, and its owner should know. */
  'webhook.disabled': event({
    data: v.looseObject({
      ...ofSession,
      webhookId: v.string(),
      url: v.string(),
      reason: v.picklist(['gone', 'failing']),
      failingSince: v.nullable(v.string()),
    }),
    key: (data, { occurredAt, hash }) => `evt_webhook_disabled_${hash(`${data.webhookId} ${occurredAt}`)}`,
    role: 'operator',
  }),
} as const

export type EventName = keyof typeof events
export type EventData<N extends EventName> = v.InferInput<(typeof events)[N]['data']>

/** True for a name in the table. */
export const isEventName = (name: string): name is EventName => Object.hasOwn(events, name)

export const eventNames = Object.keys(events).filter(isEventName)
export const EventName = v.picklist(eventNames)

/** What a webhook or a reader may list: names, or `*` for all of them. */
export const EventSelector = v.picklist(
  [...eventNames, '*'] as const,
  'must be the name of an event, or * for all',
)
export type EventSelector = v.InferOutput<typeof EventSelector>

/** The base of an event's idempotency key, and the chat it belongs to. */
export function identify<N extends EventName>(
  name: N,
  data: EventData<N>,
  facts: KeyFacts,
): { key: string; chatId: string | null } {
  // A union of rows cannot be called with a union of data; the signature above has matched them.
  const row = events[name] as unknown as EventRow<v.GenericSchema>
  return { key: row.key(data, facts), chatId: row.chat?.(data) ?? null }
}

/** One entry of the event log, as the API and the streams give it. `seq` is the cursor to go on from. */
export const LoggedEvent = v.strictObject({
  seq: v.number(),
  id: v.string(),
  event: v.string(),
  sessionId: v.string(),
  chatId: v.nullable(v.string()),
  occurredAt: v.string(),
  data: v.unknown(),
})
export type LoggedEvent = v.InferOutput<typeof LoggedEvent>
