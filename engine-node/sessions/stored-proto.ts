// The protobuf beside each stored message: sealed when it is written, opened to quote it or to answer a retry receipt.
import type { proto } from 'baileys'
import type { Db } from '../../src/db/db.ts'
import { findOwnChange } from '../../src/db/message-changes.ts'
import { findByWaId, type MessageRow } from '../../src/db/messages.ts'
import type { Clock } from '../clock.ts'
import type { Sealer } from '../store/sealer.ts'
import { readProto } from './outgoing.ts'

const contextOf = (sessionId: string, rowId: string) => `${sessionId}/message/${rowId}`

/** How long a message can be asked for again: phones that were off come back within this time, or are unlinked. */
export const RESEND_AGE_MS = 14 * 24 * 60 * 60_000

/** For the column `proto_sealed` of the row with this id. */
export const sealProto = (sealer: Sealer, sessionId: string, rowId: string, bytes: Uint8Array): Uint8Array =>
  sealer.seal(bytes, contextOf(sessionId, rowId))

/** Null where a row has none. Throws `credentials_unreadable` when it does not open. */
export const openProto = (
  sealer: Sealer,
  row: Pick<MessageRow, 'id' | 'sessionId' | 'protoSealed'>,
): Uint8Array | null => row.protoSealed && sealer.open(row.protoSealed, contextOf(row.sessionId, row.id))

/** What this session sent under an id, for Baileys to send again when somebody could not read it. */
export async function sentContent(
  deps: { db: Db; sealer: Sealer; clock: Pick<Clock, 'now'>; sessionId: string },
  waMessageId: string,
): Promise<proto.IMessage | undefined> {
  const { db, sealer, sessionId } = deps
  const message = await findByWaId(db, { sessionId, waMessageId })
  const row =
    message?.direction === 'outgoing' ? message : await findOwnChange(db, { sessionId, waMessageId })
  if (row === null || deps.clock.now() - row.createdAt > RESEND_AGE_MS) return undefined
  const bytes = openProto(sealer, row)
  return (bytes && readProto(bytes).message) ?? undefined
}
