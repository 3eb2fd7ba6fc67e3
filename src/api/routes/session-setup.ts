// How a session is set up and shows itself (REST spec, section 1): linking by code, settings, proxy, presence; and calls.
import * as v from 'valibot'
import { Presence } from '../../contract/directory.ts'
import { ChatId } from '../../contract/ids.ts'
import {
  PairingCode,
  PhoneNumber,
  ProxyView,
  SessionSettings,
  SetProxy,
  settingsOf,
  UpdateSessionConfig,
} from '../../contract/session-setup.ts'
import { findProxy, toProxyView } from '../../db/proxies.ts'
import { type Route, route } from '../route.ts'
import { pathId } from '../validate.ts'
import { requireSession } from './chats.ts'
import { BySession } from './sessions.ts'

const Done = v.strictObject({ success: v.boolean() })

export const sessionSetupRoutes: readonly Route[] = [
  route({
    method: 'GET',
    path: '/sessions/:sid/config',
    summary: 'Get the settings of a session',
    role: 'viewer',
    params: BySession,
    status: 200,
    result: SessionSettings,
    handle: async ({ params: { sid } }, { db }) => settingsOf((await requireSession(db, sid)).config),
  }),
  route({
    method: 'PATCH',
    path: '/sessions/:sid/config',
    summary: 'Change settings of a session; null takes one back to its default',
    role: 'operator',
    params: BySession,
    body: UpdateSessionConfig,
    status: 200,
    result: SessionSettings,
    handle: ({ params: { sid }, body }, { engine }) =>
      engine.call('session.configure', { sessionId: sid, config: body }),
  }),
  route({
    method: 'GET',
    path: '/sessions/:sid/proxy',
    summary: 'Get the proxy of a session, without its credentials',
    role: 'viewer',
    params: BySession,
    status: 200,
    result: ProxyView,
    async handle({ params: { sid } }, { db }) {
      await requireSession(db, sid)
      return toProxyView(await findProxy(db, sid))
    },
  }),
  route({
    method: 'PATCH',
    path: '/sessions/:sid/proxy',
    summary: 'Set the proxy of a session, or take it away with null; it counts from the next start on',
    role: 'admin',
    unscoped: true,
    params: BySession,
    body: SetProxy,
    status: 200,
    result: ProxyView,
    handle: ({ params: { sid }, body }, { engine }) =>
      engine.call('session.setProxy', { sessionId: sid, input: body }),
  }),
  route({
    method: 'POST',
    path: '/sessions/:sid/pairing-code',
    summary: 'Get a code to type into the phone, in place of the QR code',
    role: 'operator',
    params: BySession,
    body: v.strictObject({ phoneNumber: PhoneNumber }),
    status: 201,
    result: PairingCode,
    handle: ({ params: { sid }, body: { phoneNumber } }, { engine }) =>
      engine.call('session.pairingCode', { sessionId: sid, phoneNumber }),
  }),
  route({
    method: 'POST',
    path: '/sessions/:sid/presence/subscribe',
    summary: 'Ask to be shown who is there in a chat',
    role: 'operator',
    params: BySession,
    body: v.strictObject({ chatId: ChatId }),
    chats: ({ body }) => [body.chatId],
    status: 200,
    result: Done,
    handle: ({ params: { sid }, body: { chatId } }, { engine }) =>
      engine.call('presence.subscribe', { sessionId: sid, chatId }),
  }),
  route({
    method: 'GET',
    path: '/sessions/:sid/presence/:chatId',
    summary: 'Get who was there in a chat when it was last shown; null where it was not',
    role: 'viewer',
    params: v.object({ ...BySession.entries, chatId: pathId(ChatId, id => `Chat ${id} not found`) }),
    chats: ({ params }) => [params.chatId],
    status: 200,
    result: v.nullable(Presence),
    handle: ({ params: { sid, chatId } }, { engine }) =>
      engine.call('presence.get', { sessionId: sid, chatId }),
  }),
  route({
    method: 'PUT',
    path: '/sessions/:sid/presence',
    summary: 'Show the account as available or not',
    role: 'operator',
    params: BySession,
    body: v.strictObject({ available: v.boolean('must be true or false') }),
    status: 200,
    result: Done,
    handle: ({ params: { sid }, body: { available } }, { engine }) =>
      engine.call('presence.set', { sessionId: sid, available }),
  }),
  route({
    method: 'POST',
    path: '/sessions/:sid/calls/:callId/reject',
    summary: 'Reject a call that rings',
    role: 'operator',
    params: v.object({ ...BySession.entries, callId: v.pipe(v.string(), v.maxLength(128)) }),
    status: 200,
    result: Done,
    handle: ({ params: { sid, callId } }, { engine }) =>
      engine.call('call.reject', { sessionId: sid, callId }),
  }),
]
