// The statements that change messages. Fixed texts: several run for every message, and building a query costs more than
// running it.
import type { MessageStatus } from '../contract/message.ts'
import type { SqlValue, Statement } from './db.ts'
import type { NewMessageRow } from './messages.ts'

/** The columns in the order of the statement below, with how each is bound. */
const columns = {
  id: row => row.id,
  session_id: row => row.sessionId,
  wa_message_id: row => row.waMessageId,
  chat_id: row => row.chatId,
  sender_id: row => row.senderId,
  from: row => row.from,
  to: row => row.to,
  phone_id: row => row.phoneId,
  lid_id: row => row.lidId,
  chat_name: row => row.chatName,
  author: row => row.author,
  body: row => row.body,
  type: row => row.type,
  direction: row => row.direction,
  timestamp: row => row.timestamp,
  metadata: row => (row.metadata == null ? null : JSON.stringify(row.metadata)),
  media_path: row => row.mediaPath,
  media_mimetype: row => row.mediaMimetype,
  status: row => row.status,
  error: row => row.error,
  proto_sealed: row => row.protoSealed,
  acked_at: row => row.ackedAt,
  undecrypted_since: row => row.undecryptedSince,
  untold: row => row.untold,
  created_at: row => row.createdAt,
} as const satisfies Record<string, (row: NewMessageRow) => SqlValue | undefined>

const names = Object.keys(columns)
const binds = Object.values(columns)
const INTO = `INSERT INTO messages (${names.map(name => `"${name}"`).join(', ')})`
const VALUES = names.map((_, index) => `?${index + 1}`).join(', ')
const ONCE = 'ON CONFLICT (session_id, chat_id, sender_id, wa_message_id) DO NOTHING'
const INSERT = `${INTO} VALUES (${VALUES}) ${ONCE}`

const bound = (name: keyof typeof columns) => `?${names.indexOf(name) + 1}`
const BOTH = `${bound('phone_id')}, ${bound('lid_id')}`
const INSERT_WITHOUT_TWIN = `${INTO} SELECT ${VALUES} WHERE NOT EXISTS (SELECT 1 FROM messages t
  WHERE t.session_id = ${bound('session_id')} AND t.wa_message_id = ${bound('wa_message_id')}
  AND t.direction = ${bound('direction')} AND (t.phone_id IN (${BOTH}) OR t.lid_id IN (${BOTH}))
  AND t.chat_id IN (${bound('chat_id')}, ${BOTH})) ${ONCE}`

/** Changes no row when the message is stored already: WhatsApp redelivers, and one message is one row. */
export const insertMessage = (row: NewMessageRow): Statement => ({
  sql: INSERT,
  args: binds.map(bind => bind(row) ?? null),
})

/**
 * The same for what WhatsApp tells of. It changes no row either when the message is stored under the other id of the same person,
 * as happens when WhatsApp redelivers after the pair of phone and lid became known.
 */
export const insertToldMessage = (row: NewMessageRow): Statement => {
  const { sql, args } = insertMessage(row)
  return { sql: row.phoneId != null && row.lidId != null ? INSERT_WITHOUT_TWIN : sql, args }
}

/** To be committed right before `insertMessage`: the content has come, so what stood in its place goes. */
export const dropUndecrypted = (row: NewMessageRow): Statement => ({
  sql: `DELETE FROM messages WHERE session_id = ?1 AND wa_message_id = ?2 AND direction = ?3
    AND undecrypted_since IS NOT NULL AND chat_id IN (?4, ?5, ?6)
    AND (sender_id = ?7 OR sender_id IN (?5, ?6))`,
  args: [
    row.sessionId,
    row.waMessageId,
    row.direction,
    row.chatId,
    row.phoneId ?? null,
    row.lidId ?? null,
    row.senderId,
  ],
})

/** WhatsApp has shown that it has an own message: changes its row the first time only. `untold` is for plugins. */
export const markAcked = (of: { id: string; at: number; untold: string | null }): Statement => ({
  sql: 'UPDATE messages SET acked_at = ?2, untold = ?3 WHERE id = ?1 AND acked_at IS NULL',
  args: [of.id, of.at, of.untold],
})

/** Plugins have heard of them. */
export const markTold = (ids: readonly string[]): Statement => ({
  sql: 'UPDATE messages SET untold = NULL WHERE id IN (SELECT value FROM json_each(?))',
  args: [JSON.stringify(ids)],
})

/** What a status may follow: receipts come late and out of order, and a read message never becomes "delivered" again. */
const follows: Record<MessageStatus, readonly MessageStatus[]> = {
  pending: [],
  sent: ['pending', 'failed'],
  delivered: ['pending', 'failed', 'sent'],
  read: ['pending', 'failed', 'sent', 'delivered'],
  played: ['pending', 'failed', 'sent', 'delivered', 'read'],
  failed: ['pending'],
}

const statusText = (status: MessageStatus, where: string) =>
  `UPDATE messages SET status = '${status}', error = NULL WHERE ${where}
  AND direction = 'outgoing' AND status IN (${follows[status].map(each => `'${each}'`).join(', ')})`

/** For a message that this account sent. Changes no row when the stored status is already further. */
export const updateMessageStatus = (to: {
  sessionId: string
  waMessageId: string
  status: MessageStatus
}): Statement => ({
  sql: statusText(to.status, 'session_id = ? AND wa_message_id = ?'),
  args: [to.sessionId, to.waMessageId],
})

/**
 * The two statements of a failure, each of which changes its row once: one for the status, one for the reason. An event can
 * hang on either.
 */
export const failMessage = (of: { id: string; error: string }): [status: Statement, reason: Statement] => [
  { sql: statusText('failed', 'id = ?'), args: [of.id] },
  {
    sql: `UPDATE messages SET error = ?2 WHERE id = ?1 AND status = 'failed' AND error IS NULL`,
    args: [of.id, of.error],
  },
]
