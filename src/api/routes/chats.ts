// Chats (REST spec, sections 1 and 2): the list is read from the database, changes go through the engine to all devices.
import * as v from 'valibot'
import { ChatSummary, chatChanges, GroupSummary, type NamedChatChange } from '../../contract/directory.ts'
import { GatewayError } from '../../contract/errors.ts'
import { ChatId } from '../../contract/ids.ts'
import type { Db } from '../../db/db.ts'
import { listChatRows } from '../../db/directory/chats.ts'
import { listGroups } from '../../db/directory/groups.ts'
import { toChatSummary } from '../../db/directory/views.ts'
import { findSession } from '../../db/sessions.ts'
import { type Route, route } from '../route.ts'
import { clamped, pathId } from '../validate.ts'
import { BySession, noSession } from './sessions.ts'

/** The page of every list of chats, contacts and groups. */
export const ListPage = v.object({
  limit: clamped({ min: 1, max: 1000, fallback: 1000 }),
  offset: clamped({ min: 0, max: Number.MAX_SAFE_INTEGER, fallback: 0 }),
})

/** Lists of a session that is not there are no empty lists. */
export async function requireSession(db: Db, id: string) {
  const row = await findSession(db, id)
  if (row === null) throw new GatewayError('not_found', noSession(id))
  return row
}

const Done = v.strictObject({ success: v.boolean() })
type PostedChange = Exclude<keyof typeof chatChanges, 'clear'>

const posted: Record<PostedChange, string> = {
  read: 'Mark messages of a chat, or all of it, as read',
  unread: 'Mark a chat as unread',
  archive: 'Archive a chat, or take it out of the archive',
  mute: 'Mute a chat until a time, or unmute it with null',
  pin: 'Pin a chat, or unpin it',
  delete: 'Delete a chat with its messages',
  typing: 'Show in a chat that somebody types or records, or has stopped',
}

export const chatRoutes: readonly Route[] = [
  route({
    method: 'GET',
    path: '/sessions/:sid/chats',
    summary: 'List the chats of a session, the latest first',
    role: 'viewer',
    params: BySession,
    query: ListPage,
    filtersChats: true,
    status: 200,
    result: v.array(ChatSummary),
    async handle({ params: { sid }, query, key }, { db, now }) {
      await requireSession(db, sid)
      const rows = await listChatRows(db, sid, { ...query, only: key?.allowedChats ?? null })
      return rows.map(row => toChatSummary(row, now()))
    },
  }),
  route({
    method: 'GET',
    path: '/sessions/:sid/groups',
    summary: 'List the groups that the account is in, by name',
    role: 'viewer',
    params: BySession,
    query: ListPage,
    filtersChats: true,
    status: 200,
    result: v.array(GroupSummary),
    async handle({ params: { sid }, query, key }, { db }) {
      await requireSession(db, sid)
      return await listGroups(db, sid, { ...query, only: key?.allowedChats ?? null })
    },
  }),
  ...Object.entries(posted).map(([name, summary]) => {
    const change = name as PostedChange
    return route({
      method: 'POST',
      path: `/sessions/:sid/chats/${change}`,
      summary,
      role: 'operator',
      params: BySession,
      body: chatChanges[change] as v.GenericSchema<unknown, { chatId: ChatId }>,
      chats: ({ body }) => [body.chatId],
      status: 200,
      result: Done,
      handle: ({ params: { sid }, body }, { engine }) =>
        // The row's own schema has parsed what goes with this name.
        engine.call('chat.change', { sessionId: sid, change: { change, input: body } as NamedChatChange }),
    })
  }),
  route({
    method: 'DELETE',
    path: '/sessions/:sid/chats/:chatId/messages',
    summary: 'Delete the messages of a chat on all devices of the account',
    role: 'operator',
    params: v.object({ ...BySession.entries, chatId: pathId(ChatId, id => `Chat ${id} not found`) }),
    chats: ({ params }) => [params.chatId],
    status: 200,
    result: Done,
    handle: ({ params: { sid, chatId } }, { engine }) =>
      engine.call('chat.change', { sessionId: sid, change: { change: 'clear', input: { chatId } } }),
  }),
]
