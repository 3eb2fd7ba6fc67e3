// Messages (REST spec, section 3): the stored ones, and what sends new ones.
import * as v from 'valibot'
import { GatewayError } from '../../contract/errors.ts'
import { ChatId, Uuid } from '../../contract/ids.ts'
import { MessageType, Reply, SendResult, SendText, StoredMessage } from '../../contract/message.ts'
import { listMessages } from '../../db/messages.ts'
import { findSession } from '../../db/sessions.ts'
import { type Route, route } from '../route.ts'
import { clamped } from '../validate.ts'
import { BySession, noSession } from './sessions.ts'

/** Last millisecond that a date can have. */
const MAX_TIME = 8_640_000_000_000_000

const text = v.pipe(
  v.string('must be given once'),
  v.nonEmpty('must not be empty'),
  v.maxLength(128, 'is too long'),
)
const milliseconds = v.pipe(
  v.string('must be given once'),
  v.regex(/^\d{1,16}$/, 'must be a time in milliseconds'),
  v.transform(Number),
  v.maxValue(MAX_TIME, 'must be a time in milliseconds'),
)

const MessageList = v.object({
  chatId: v.optional(ChatId),
  from: v.optional(text),
  messageId: v.optional(text),
  limit: clamped({ min: 1, max: 100, fallback: 50 }),
  offset: clamped({ min: 0, max: Number.MAX_SAFE_INTEGER, fallback: 0 }),
  after: v.optional(v.pipe(v.string('must be given once'), Uuid)),
  since: v.optional(milliseconds),
  until: v.optional(milliseconds),
  direction: v.optional(v.picklist(['incoming', 'outgoing'], 'must be incoming or outgoing')),
  type: v.optional(MessageType),
  orderBy: v.optional(v.picklist(['createdAt', 'timestamp'], 'must be createdAt or timestamp'), 'createdAt'),
})

/** OpenWA's clients may ask for a link preview. Wharf makes none; saying so is no reason to refuse the text. */
const SendTextBody = v.strictObject({
  ...SendText.entries,
  linkPreview: v.optional(v.boolean('must be true or false')),
  customLinkPreview: v.optional(v.unknown()),
})

export const messageRoutes: readonly Route[] = [
  route({
    method: 'GET',
    path: '/sessions/:sid/messages',
    summary: 'List stored messages, newest first',
    role: 'viewer',
    params: BySession,
    query: MessageList,
    chats: ({ query }) => (query.chatId === undefined ? [] : [query.chatId]),
    status: 200,
    result: v.strictObject({
      messages: v.array(StoredMessage),
      total: v.number(),
      unknownTimestampTotal: v.optional(v.number()),
    }),
    async handle({ params: { sid }, query: { limit, offset, after, orderBy, ...filter } }, { db }) {
      if ((await findSession(db, sid)) === null) throw new GatewayError('not_found', noSession(sid))
      const found = await listMessages(db, { sessionId: sid, ...filter }, { limit, offset, after, orderBy })
      if (found !== null) return found
      throw new GatewayError('invalid_input', 'Validation failed', {
        details: { messages: ['after is not a message of this session'] },
      })
    },
  }),
  route({
    method: 'POST',
    path: '/sessions/:sid/messages/send-text',
    summary: 'Send a text',
    role: 'operator',
    params: BySession,
    body: SendTextBody,
    chats: ({ body }) => [body.chatId],
    status: 201,
    result: SendResult,
    handle({ params: { sid }, body: { linkPreview: _, customLinkPreview, ...input } }, { engine }) {
      if (customLinkPreview !== undefined)
        throw new GatewayError('not_supported', 'customLinkPreview is not supported')
      return engine.call('message.sendText', { sessionId: sid, input })
    },
  }),
  route({
    method: 'POST',
    path: '/sessions/:sid/messages/reply',
    summary: 'Answer a message with a text that quotes it',
    role: 'operator',
    params: BySession,
    body: Reply,
    chats: ({ body }) => [body.chatId],
    quotes: true,
    status: 201,
    result: SendResult,
    handle: ({ params: { sid }, body }, { engine }) =>
      engine.call('message.reply', { sessionId: sid, input: body }),
  }),
]
