// `storage.*`: what a plugin keeps, one row per key, under a quota that the database itself enforces.
import { and, asc, eq, gte, lt, sql } from 'drizzle-orm'
import {
  MAX_KEY_LIST_BYTES,
  MAX_STORAGE_KEYS,
  STORAGE_QUOTA_BYTES,
} from '../../../src/contract/capabilities.ts'
import { GatewayError } from '../../../src/contract/errors.ts'
import type { Db, Statement, Writer } from '../../../src/db/db.ts'
import { pluginStorage } from '../../../src/db/schema.ts'
import type { Verbs } from '../verb.ts'

export interface StorageDeps {
  db: Db
  writer: Writer
  quotaBytes?: number
  maxKeys?: number
  maxListBytes?: number
}

/** Bytes of the row that is there now, or 0. */
const STORED_BYTES = `coalesce((select length(cast(key as blob)) + length(cast(value as blob))
  from plugin_storage where plugin_id = ?1 and key = ?2), 0)`

/** 1 where the key is there, else 0. */
const IS_STORED = 'exists (select 1 from plugin_storage where plugin_id = ?1 and key = ?2)'

/** Claims the room first; only if that changed a row does the next statement write. `changes()` looks at the one before it. */
const CLAIM = `update plugins set storage_bytes = storage_bytes + ?3 - ${STORED_BYTES},
    storage_keys = storage_keys + 1 - ${IS_STORED}
  where id = ?1 and storage_bytes + ?3 - ${STORED_BYTES} <= ?4 and (${IS_STORED} or storage_keys < ?5)`
const PUT = `insert into plugin_storage (plugin_id, key, value) select ?1, ?2, ?3 where changes() = 1
  on conflict (plugin_id, key) do update set value = excluded.value`
const RELEASE = `update plugins set storage_bytes = storage_bytes - ${STORED_BYTES},
    storage_keys = max(0, storage_keys - ${IS_STORED})
  where id = ?1`
const REMOVE = 'delete from plugin_storage where plugin_id = ?1 and key = ?2'

export function createStorageVerbs({
  db,
  writer,
  quotaBytes = STORAGE_QUOTA_BYTES,
  maxKeys = MAX_STORAGE_KEYS,
  maxListBytes = MAX_KEY_LIST_BYTES,
}: StorageDeps) {
  const verbs: Pick<Verbs, 'storage.get' | 'storage.set' | 'storage.delete' | 'storage.list'> = {
    async 'storage.get'([key], { pluginId }) {
      const [row] = await db
        .select({ value: pluginStorage.value })
        .from(pluginStorage)
        .where(and(eq(pluginStorage.pluginId, pluginId), eq(pluginStorage.key, key)))
      return row === undefined ? null : (JSON.parse(row.value) as unknown)
    },
    async 'storage.set'([key, value], { pluginId, assertStillAllowed }) {
      const text = JSON.stringify(value ?? null)
      const bytes = Buffer.byteLength(key) + Buffer.byteLength(text)
      assertStillAllowed()
      const [claimed] = await writer.commit([
        { sql: CLAIM, args: [pluginId, key, bytes, quotaBytes, maxKeys] },
        { sql: PUT, args: [pluginId, key, text] },
      ])
      if (claimed === 1) return null
      throw new GatewayError(
        'capability_failed',
        `storage quota exceeded (limit ${quotaBytes} bytes in ${maxKeys} keys)`,
      )
    },
    async 'storage.delete'([key], { pluginId, assertStillAllowed }) {
      assertStillAllowed()
      const args: Statement['args'] = [pluginId, key]
      await writer.commit([
        { sql: RELEASE, args },
        { sql: REMOVE, args },
      ])
      return null
    },
    async 'storage.list'([prefix], { pluginId }) {
      const end = prefixEnd(prefix)
      const found = db
        .select({ key: pluginStorage.key })
        .from(pluginStorage)
        .where(
          and(
            eq(pluginStorage.pluginId, pluginId),
            gte(pluginStorage.key, prefix),
            end === null ? undefined : lt(pluginStorage.key, end),
          ),
        )
        .orderBy(asc(pluginStorage.key))
        // There may be more from before there was a limit.
        .limit(maxKeys + 1)
        .as('found')
      // One text, made by the database: a row for each key would cost ten times as much.
      const [list] = await db.select({ keys: sql<string>`json_group_array(${found.key})` }).from(found)
      const text = list?.keys ?? '[]'
      const keys = Buffer.byteLength(text) <= maxListBytes ? (JSON.parse(text) as string[]) : null
      if (keys !== null && keys.length <= maxKeys) return keys
      throw new GatewayError('capability_failed', 'too many keys for one list: ask with a longer prefix')
    },
  }
  return verbs
}

/**
 * The first text after all that begin with the prefix, in SQLite's order of code points; null where there is none.
 * A range rather than LIKE: that ignores case and has characters of its own.
 */
export function prefixEnd(prefix: string): string | null {
  const points = Array.from(prefix, char => char.codePointAt(0) ?? 0)
  for (let last = points.pop(); last !== undefined; last = points.pop()) {
    if (last === 0x10ffff) continue
    // Surrogates are no characters of their own.
    const next = last === 0xd7ff ? 0xe000 : last + 1
    return String.fromCodePoint(...points, next)
  }
  return null
}
