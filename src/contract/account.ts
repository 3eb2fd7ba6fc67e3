// The engine's methods on an account besides its messages: chats, people, groups, presence, calls, and how a session is set up.
import * as v from 'valibot'
import {
  GroupInfo,
  GroupJoinInfo,
  InviteCode,
  MembershipRequest,
  NamedChatChange,
  NumberCheck,
  Presence,
} from './directory.ts'
import { ChatId, SessionId } from './ids.ts'
import { PairingCode, ProxyView, SessionSettings, SetProxy, UpdateSessionConfig } from './session-setup.ts'

const BySession = { sessionId: SessionId }
const ByChat = v.strictObject({ ...BySession, chatId: ChatId })
const ByGroup = v.strictObject({ ...BySession, groupId: ChatId })
const Done = v.strictObject({ success: v.boolean() })

export const accountMethods = {
  'session.pairingCode': {
    params: v.strictObject({ ...BySession, phoneNumber: v.string() }),
    result: PairingCode,
  },
  'session.configure': {
    params: v.strictObject({ ...BySession, config: UpdateSessionConfig }),
    result: SessionSettings,
  },
  'session.setProxy': { params: v.strictObject({ ...BySession, input: SetProxy }), result: ProxyView },
  'chat.change': { params: v.strictObject({ ...BySession, change: NamedChatChange }), result: Done },
  'contact.check': { params: v.strictObject({ ...BySession, number: v.string() }), result: NumberCheck },
  'contact.blocked': { params: v.strictObject(BySession), result: v.array(v.string()) },
  /** Of a person or a group. */
  'picture.url': {
    params: v.strictObject({ ...BySession, id: ChatId }),
    result: v.strictObject({ url: v.nullable(v.string()) }),
  },
  'group.info': { params: ByGroup, result: GroupInfo },
  'group.joinInfo': { params: v.strictObject({ ...BySession, code: v.string() }), result: GroupJoinInfo },
  'group.inviteCode': { params: ByGroup, result: InviteCode },
  'group.requests': { params: ByGroup, result: v.array(MembershipRequest) },
  'presence.subscribe': { params: ByChat, result: Done },
  'presence.get': { params: ByChat, result: v.nullable(Presence) },
  'presence.set': { params: v.strictObject({ ...BySession, available: v.boolean() }), result: Done },
  'call.reject': { params: v.strictObject({ ...BySession, callId: v.string() }), result: Done },
} as const satisfies Record<string, { params: v.GenericSchema; result: v.GenericSchema }>
