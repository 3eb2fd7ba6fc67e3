import * as v from 'valibot'
import { describe, expect, it } from 'vitest'
import { type EventName, eventNames, events, identify } from './events.ts'

const facts = { sessionId: 'S', occurredAt: 7, hash: (text: string) => `<${text}>` }
const message = {
  id: 'M',
  from: 'a',
  to: 'b',
  chatId: 'C',
  body: '',
  type: 'text',
  timestamp: 1,
  fromMe: false,
  isGroup: false,
  kind: 'individual',
}
const ack = { id: 'M', messageId: 'M', status: 'read', ack: 3, chatId: 'C' }
const people = { groupId: 'G', participantIds: ['a', 'b'], timestamp: 1 }
const call = { callId: 'K', from: 'a', isVideo: false, isGroup: false, timestamp: 1 }
const ended = { ...call, sessionId: 'S', outcome: 'missed' }

const rows: Record<EventName, [data: object, key: string, chat: string | null]> = {
  'message.received': [message, 'msg_S_M', 'C'],
  'message.sent': [message, 'msg_S_M', 'C'],
  'message.ack': [ack, 'ack_S_M_read', 'C'],
  'message.failed': [{ ...ack, status: 'failed', ack: -1 }, 'failed_S_M_failed', 'C'],
  'message.revoked': [
    { id: 'M', chatId: 'C', from: 'a', to: 'b', type: 'revoked', body: '', timestamp: 1 },
    'rev_S_M',
    'C',
  ],
  'message.reaction': [{ messageId: 'M', chatId: 'C', reaction: '', senderId: 'a' }, 'react_S_M_a_7', 'C'],
  'message.edited': [{ ...message, messageId: 'M', senderId: 'a', hasMedia: false }, 'edit_S_M_7', 'C'],
  'session.status': [{ sessionId: 'S', status: 'ready' }, 'sess_S_ready_7', null],
  'session.qr': [{ sessionId: 'S', qr: 'q' }, 'qr_S_<q>', null],
  'session.authenticated': [{ sessionId: 'S', phone: '1', pushName: 'n' }, 'auth_S_<1 n>_7', null],
  'session.disconnected': [{ sessionId: 'S', reason: 'r' }, 'disc_S_<r>_7', null],
  'session.reconnect_loop': [{ sessionId: 'S', attempts: 5, nextDelayMs: 1 }, 'loop_S_5_7', null],
  'session.restriction': [
    { sessionId: 'S', active: true, kind: 'tos_block', code: null, expiresAt: null },
    'restr_S_tos_block_true_7',
    null,
  ],
  'presence.update': [{ sessionId: 'S', chatId: 'C', participants: [] }, 'pres_S_C_<[]>_7', 'C'],
  'call.received': [call, 'call_S_K', 'a'],
  'call.accepted': [ended, 'call_S_K_missed', 'a'],
  'call.rejected': [ended, 'call_S_K_missed', 'a'],
  'call.missed': [ended, 'call_S_K_missed', 'a'],
  'group.join': [people, 'grp_G_<a,b>_join_7', 'G'],
  'group.leave': [people, 'grp_G_<a,b>_leave_7', 'G'],
  'group.update': [{ ...people, changes: { subject: 's' } }, 'grp_G_update_<{"subject":"s"}a,b>_7', 'G'],
  'group.join_request': [people, 'grp_G_<a,b>_join_request_7', 'G'],
  'status.received': [
    {
      sessionId: 'S',
      statusId: 'X',
      contact: { id: 'a' },
      type: 'image',
      hasMedia: true,
      mediaOmitted: true,
      postedAt: 1,
      expiresAt: 2,
    },
    'evt_status_received_<X>',
    null,
  ],
  'webhook.disabled': [
    { sessionId: 'S', webhookId: 'W', url: 'u', reason: 'gone', failingSince: null },
    'evt_webhook_disabled_<W 7>',
    null,
  ],
}

describe('events', () => {
  it('are those of OpenWA and one of our own', () => expect(eventNames.length).toBe(24))

  it.each(Object.entries(rows))('%s', (name, [data, key, chatId]) => {
    expect(v.safeParse(events[name as EventName].data, data).issues).toBeUndefined()
    expect(identify(name as EventName, data as never, facts)).toEqual({ key, chatId })
    expect(v.safeParse(events[name as EventName].data, {}).success).toBe(false)
  })
})
