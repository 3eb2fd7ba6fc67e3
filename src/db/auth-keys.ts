// WhatsApp credentials and Signal keys in the database, sealed. The statements are fixed texts: they are built several
// times for every message.
import { and, eq } from 'drizzle-orm'
import { type Db, type Statement, statement } from './db.ts'
import { authKeys } from './schema.ts'

export interface AuthKey {
  type: string
  keyId: string
  valueSealed: Uint8Array
}

/** The credentials themselves: one row of this type, with an empty id. */
export const CREDS = 'creds'

/** A row of this type says that WhatsApp has revoked the others: they open no connection any more. */
export const REVOKED = 'revoked'

/** All of a session: what its memory starts from. */
export async function authKeysOf(db: Db, sessionId: string): Promise<AuthKey[]> {
  return await db
    .select({ type: authKeys.type, keyId: authKeys.keyId, valueSealed: authKeys.valueSealed })
    .from(authKeys)
    .where(eq(authKeys.sessionId, sessionId))
}

export async function isRevoked(db: Db, sessionId: string): Promise<boolean> {
  const rows = await db
    .select({ type: authKeys.type })
    .from(authKeys)
    .where(and(eq(authKeys.sessionId, sessionId), eq(authKeys.type, REVOKED)))
  return rows.length > 0
}

/** `valueSealed` may be what the writer makes of it late. */
export const setAuthKey = <V>(
  { sessionId, type, keyId }: Omit<AuthKey, 'valueSealed'> & { sessionId: string },
  valueSealed: V,
) => ({
  sql: 'INSERT INTO auth_keys (session_id, type, key_id, value_sealed) VALUES (?, ?, ?, ?) ON CONFLICT (session_id, type, key_id) DO UPDATE SET value_sealed = excluded.value_sealed',
  args: [sessionId, type, keyId, valueSealed],
})

export const deleteAuthKey = (sessionId: string, type: string, keyId: string): Statement => ({
  sql: 'DELETE FROM auth_keys WHERE session_id = ? AND type = ? AND key_id = ?',
  args: [sessionId, type, keyId],
})

/** Gives the identity up: credentials, keys and the mark of their revocation. */
export function deleteAuthKeys(db: Db, sessionId: string): Statement {
  return statement(db.delete(authKeys).where(eq(authKeys.sessionId, sessionId)))
}
