// The protobuf beside each stored message: sealed when it is written, opened to quote it or to answer a retry receipt.
import type { proto } from 'baileys'
import type { Db } from '../../src/db/db.ts'
import { findByWaId, type MessageRow } from '../../src/db/messages.ts'
import type { Sealer } from '../store/sealer.ts'
import { readProto } from './outgoing.ts'

const contextOf = (sessionId: string, rowId: string) => `${sessionId}/message/${rowId}`

/** For the column `proto_sealed` of the row with this id. */
export const sealProto = (sealer: Sealer, sessionId: string, rowId: string, bytes: Uint8Array): Uint8Array =>
  sealer.seal(bytes, contextOf(sessionId, rowId))

/** Null where a row has none. Throws `credentials_unreadable` when it does not open. */
export const openProto = (sealer: Sealer, row: MessageRow): Uint8Array | null =>
  row.protoSealed && sealer.open(row.protoSealed, contextOf(row.sessionId, row.id))

/** What this session sent under an id, for Baileys to send again when somebody could not read it. */
export async function sentContent(
  deps: { db: Db; sealer: Sealer; sessionId: string },
  waMessageId: string,
): Promise<proto.IMessage | undefined> {
  const row = await findByWaId(deps.db, { sessionId: deps.sessionId, waMessageId })
  if (row?.direction !== 'outgoing') return undefined
  const bytes = openProto(deps.sealer, row)
  return (bytes && readProto(bytes).message) ?? undefined
}
