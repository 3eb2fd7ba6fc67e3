// What is done to a message that is there (REST spec, rows 30 to 32 and 47 to 52): reactions, edits and the like, and its file.
import * as v from 'valibot'
import { GatewayError } from '../../contract/errors.ts'
import { ChatId, WaMessageId } from '../../contract/ids.ts'
import { IncomingMessage, SendResult } from '../../contract/message.ts'
import {
  DeleteMessage,
  Done,
  EditMessage,
  PinMessage,
  React,
  Reactions,
  StarMessage,
  UnpinMessage,
} from '../../contract/outgoing.ts'
import { chatHistory, toIncomingMessage } from '../../db/chat-history.ts'
import { reactionsTo } from '../../db/message-changes.ts'
import { withFiles } from '../inline-media.ts'
import { type Route, reply, route } from '../route.ts'
import { clamped, flagged, pathId } from '../validate.ts'
import { requireSession } from './chats.ts'
import { BySession } from './sessions.ts'

/** Messages of one chat in one answer, where somebody asks for many. */
const MAX_DEEP = 2_000

const noMessage = (id: string) => `Message ${id} not found`
const noChat = (id: string) => `Chat ${id} not found`

const ByChat = v.object({ ...BySession.entries, chatId: pathId(ChatId, noChat) })
const ByMessage = v.object({ ...ByChat.entries, messageId: pathId(WaMessageId, noMessage) })

/** Types that a browser shows without running anything in them. All else is bytes. */
const inert: ReadonlySet<string> = new Set([
  'image/jpeg',
  'image/png',
  'image/gif',
  'image/webp',
  'audio/ogg',
  'audio/mpeg',
  'audio/mp4',
  'audio/aac',
  'audio/amr',
  'audio/wav',
  'video/mp4',
  'video/3gpp',
  'video/webm',
  'application/pdf',
])

const typeOf = (mimetype: string) => {
  const [essence = ''] = mimetype.toLowerCase().split(';')
  return inert.has(essence.trim()) ? mimetype : 'application/octet-stream'
}

/** A name in a header: plain for old clients, and as it is for others (RFC 6266). */
export function dispositionOf(filename: string | null): string {
  if (filename === null) return 'attachment'
  const plain = filename.replace(/[^\x20-\x7e]|["\\%]/g, '_')
  const encoded = encodeURIComponent(filename.toWellFormed()).replace(
    /['()*]/g,
    mark => `%${mark.charCodeAt(0).toString(16).toUpperCase()}`,
  )
  return `attachment; filename="${plain}"; filename*=UTF-8''${encoded}`
}

const byEmoji = (found: { emoji: string; senderId: string; timestamp: number }[]) => {
  const emojis = [...new Set(found.map(({ emoji }) => emoji))]
  return emojis.map(emoji => ({ emoji, senders: found.filter(each => each.emoji === emoji) }))
}

const shared = { method: 'POST', role: 'operator', params: BySession, status: 200 } as const

export const messageActionRoutes: readonly Route[] = [
  route({
    method: 'GET',
    path: '/sessions/:sid/messages/:chatId/history',
    summary: 'List the last stored messages of a chat, oldest first',
    role: 'viewer',
    params: ByChat,
    query: v.object({
      limit: clamped({ min: 1, max: MAX_DEEP, fallback: 50 }),
      includeMedia: flagged(false),
      /** Further back than OpenWA's other engine looks; here it only lifts the limit. */
      deep: flagged(false),
    }),
    chats: ({ params }) => [params.chatId],
    status: 200,
    result: v.array(IncomingMessage),
    async handle(
      { params: { sid, chatId }, query: { limit, includeMedia, deep } },
      { db, engine, settings },
    ) {
      await requireSession(db, sid)
      const rows = await chatHistory(db, {
        sessionId: sid,
        chatId,
        limit: Math.min(limit, deep ? MAX_DEEP : 100),
      })
      const budget = includeMedia ? settings.inlineMediaBytes : 0
      return await withFiles(sid, rows.map(toIncomingMessage), { open: engine.files?.open ?? null, budget })
    },
  }),
  route({
    method: 'GET',
    path: '/sessions/:sid/messages/:chatId/:messageId/reactions',
    summary: 'List the reactions to a message, by emoji',
    role: 'viewer',
    params: ByMessage,
    chats: ({ params }) => [params.chatId],
    status: 200,
    result: Reactions,
    async handle({ params: { sid, chatId, messageId } }, { db }) {
      await requireSession(db, sid)
      const found = await reactionsTo(db, { sessionId: sid, chatId, waMessageId: messageId })
      if (found === null) throw new GatewayError('not_found', noMessage(messageId))
      return byEmoji(found)
    },
  }),
  route({
    method: 'GET',
    path: '/sessions/:sid/messages/:chatId/:messageId/media',
    summary: 'Give the file of a message, as it is',
    role: 'viewer',
    params: ByMessage,
    chats: ({ params }) => [params.chatId],
    status: 200,
    result: null,
    async handle({ params: { sid, chatId, messageId } }, { db, engine }) {
      await requireSession(db, sid)
      if (!engine.files)
        throw new GatewayError('not_supported', 'Files are served only where the API runs with the engine')
      const { stream, bytes, mimetype, filename } = await engine.files.open({
        sessionId: sid,
        chatId,
        messageId,
      })
      return reply(200, stream, {
        'content-type': typeOf(mimetype),
        'content-length': String(bytes),
        'content-disposition': dispositionOf(filename),
        // Should a browser show it after all, nothing in it runs.
        'content-security-policy': "sandbox; default-src 'none'",
      })
    },
  }),
  route({
    ...shared,
    path: '/sessions/:sid/messages/react',
    summary: 'React to a message; an empty emoji takes the reaction back',
    body: React,
    chats: ({ body }) => [body.chatId],
    result: Done,
    handle: ({ params: { sid }, body }, { engine }) =>
      engine.call('message.react', { sessionId: sid, input: body }),
  }),
  route({
    ...shared,
    path: '/sessions/:sid/messages/delete',
    summary: 'Delete a message, for everyone unless told',
    body: DeleteMessage,
    chats: ({ body }) => [body.chatId],
    result: Done,
    handle: ({ params: { sid }, body }, { engine }) =>
      engine.call('message.delete', { sessionId: sid, input: body }),
  }),
  route({
    ...shared,
    path: '/sessions/:sid/messages/edit',
    summary: 'Change the words of an own message',
    body: EditMessage,
    chats: ({ body }) => [body.chatId],
    result: SendResult,
    handle: ({ params: { sid }, body }, { engine }) =>
      engine.call('message.edit', { sessionId: sid, input: body }),
  }),
  route({
    ...shared,
    path: '/sessions/:sid/messages/pin',
    summary: 'Pin a message in its chat, for a day unless told',
    body: PinMessage,
    chats: ({ body }) => [body.chatId],
    result: Done,
    handle: ({ params: { sid }, body }, { engine }) =>
      engine.call('message.pin', { sessionId: sid, input: body }),
  }),
  route({
    ...shared,
    path: '/sessions/:sid/messages/unpin',
    summary: 'Unpin a message',
    body: UnpinMessage,
    chats: ({ body }) => [body.chatId],
    result: Done,
    handle: ({ params: { sid }, body }, { engine }) =>
      engine.call('message.unpin', { sessionId: sid, input: body }),
  }),
  route({
    ...shared,
    path: '/sessions/:sid/messages/star',
    summary: 'Star a message, or take the star away',
    body: StarMessage,
    chats: ({ body }) => [body.chatId],
    result: Done,
    handle: ({ params: { sid }, body }, { engine }) =>
      engine.call('message.star', { sessionId: sid, input: body }),
  }),
]
