// The tables. Times are epoch milliseconds unless a column says seconds. What is secret is stored sealed (`*_sealed`, blobs):
// AES-256-GCM with a key that is not in the database (engine-node/store/sealer.ts).
import { sql } from 'drizzle-orm'
import { blob, index, integer, primaryKey, sqliteTable, text, uniqueIndex } from 'drizzle-orm/sqlite-core'
import type { MessageStatus, MessageType } from '../contract/message.ts'
import type { PluginStatus, Tier } from '../contract/plugin-view.ts'
import type { SessionConfig, SessionStatus } from '../contract/session.ts'

type Json = Record<string, unknown>

/** Facts about the database itself: `encryption_check` proves that the key given at start is the one it was written with. */
export const meta = sqliteTable('meta', { key: text().primaryKey(), value: text().notNull() })

export const apiKeys = sqliteTable('api_keys', {
  id: text().primaryKey(),
  name: text().notNull(),
  /** First 12 characters, to tell keys apart in a list. */
  keyPrefix: text('key_prefix').notNull(),
  /** Hex SHA-256 of the key, HMAC-SHA-256 where a pepper is set. */
  keyHash: text('key_hash').notNull().unique(),
  role: text({ enum: ['viewer', 'operator', 'admin'] }).notNull(),
  allowedIps: text('allowed_ips', { mode: 'json' }).$type<string[]>(),
  allowedSessions: text('allowed_sessions', { mode: 'json' }).$type<string[]>(),
  allowedChats: text('allowed_chats', { mode: 'json' }).$type<string[]>(),
  isActive: integer('is_active', { mode: 'boolean' }).notNull().default(true),
  expiresAt: integer('expires_at'),
  lastUsedAt: integer('last_used_at'),
  usageCount: integer('usage_count').notNull().default(0),
  createdAt: integer('created_at').notNull(),
})

export const sessions = sqliteTable('sessions', {
  id: text().primaryKey(),
  name: text().notNull().unique(),
  status: text().$type<SessionStatus>().notNull(),
  /** What the operator wants; a restart of the gateway brings it about. */
  desired: text({ enum: ['running', 'stopped'] })
    .notNull()
    .default('stopped'),
  phone: text(),
  lid: text(),
  pushName: text('push_name'),
  connectedAt: integer('connected_at'),
  lastActiveAt: integer('last_active_at'),
  lastError: text('last_error'),
  restriction: text({ mode: 'json' }).$type<Json>(),
  config: text({ mode: 'json' }).$type<SessionConfig>(),
  engineLoaded: integer('engine_loaded', { mode: 'boolean' }).notNull().default(false),
  createdAt: integer('created_at').notNull(),
  updatedAt: integer('updated_at').notNull(),
})

/** Credentials (type `creds`, id empty) and Signal keys of every type that Baileys has or will have. */
export const authKeys = sqliteTable(
  'auth_keys',
  {
    sessionId: text('session_id')
      .notNull()
      .references(() => sessions.id, { onDelete: 'cascade' }),
    type: text().notNull(),
    keyId: text('key_id').notNull(),
    valueSealed: blob('value_sealed', { mode: 'buffer' }).$type<Uint8Array>().notNull(),
  },
  table => [primaryKey({ columns: [table.sessionId, table.type, table.keyId] })],
)

/** The plaintext of each decrypted ciphertext until its message is stored and receipted, so that a redelivery can be read. */
export const decryptJournal = sqliteTable(
  'decrypt_journal',
  {
    sessionId: text('session_id')
      .notNull()
      .references(() => sessions.id, { onDelete: 'cascade' }),
    /** Base64 SHA-256 of the ciphertext. */
    hash: text().notNull(),
    plaintextSealed: blob('plaintext_sealed', { mode: 'buffer' }).$type<Uint8Array>().notNull(),
    createdAt: integer('created_at').notNull(),
  },
  table => [
    primaryKey({ columns: [table.sessionId, table.hash] }),
    index('decrypt_journal_age').on(table.createdAt),
  ],
)

export const messages = sqliteTable(
  'messages',
  {
    id: text().primaryKey(),
    sessionId: text('session_id')
      .notNull()
      .references(() => sessions.id, { onDelete: 'cascade' }),
    waMessageId: text('wa_message_id').notNull(),
    /** Neutral ids: `@c.us` where the phone is known. */
    chatId: text('chat_id').notNull(),
    /** Who wrote it, empty for own messages; part of the identity of a message in a group. */
    senderId: text('sender_id').notNull(),
    from: text('from').notNull(),
    to: text('to').notNull(),
    /** Both ids of the person at the other end (in a group: of the author), as far as they are known. */
    phoneId: text('phone_id'),
    lidId: text('lid_id'),
    chatName: text('chat_name'),
    author: text(),
    body: text(),
    type: text().$type<MessageType>().notNull(),
    direction: text({ enum: ['incoming', 'outgoing'] }).notNull(),
    /** Seconds, as WhatsApp gave them. */
    timestamp: integer(),
    metadata: text({ mode: 'json' }).$type<Json>(),
    mediaPath: text('media_path'),
    mediaMimetype: text('media_mimetype'),
    status: text().$type<MessageStatus>().notNull(),
    error: text(),
    /** The protobuf, sealed: to quote it, and to answer a retry receipt. */
    protoSealed: blob('proto_sealed', { mode: 'buffer' }).$type<Uint8Array>(),
    createdAt: integer('created_at').notNull(),
  },
  table => [
    uniqueIndex('messages_identity').on(table.sessionId, table.chatId, table.senderId, table.waMessageId),
    index('messages_by_wa_id').on(table.sessionId, table.waMessageId),
    index('messages_by_session').on(table.sessionId, table.createdAt),
    index('messages_by_chat').on(table.sessionId, table.chatId, table.createdAt),
  ],
)

export const plugins = sqliteTable('plugins', {
  id: text().primaryKey(),
  name: text().notNull(),
  version: text().notNull(),
  manifest: text({ mode: 'json' }).$type<Json>().notNull(),
  /** SHA-256 of the archive in hex; with the id it names the folder of the code. Null for a bundled plugin. */
  packageSha256: text('package_sha256'),
  builtIn: integer('built_in', { mode: 'boolean' }).notNull().default(false),
  status: text().$type<PluginStatus>().notNull(),
  /** Only the operator's enable and disable change it; a crash or a restart does not. */
  enabledByOperator: integer('enabled_by_operator', { mode: 'boolean' }).notNull().default(false),
  tier: text().$type<Tier>().notNull(),
  missingPromises: text('missing_promises', { mode: 'json' })
    .$type<string[]>()
    .notNull()
    .default(sql`'[]'`),
  error: text(),
  /** The configuration with secrets masked, for readers without the key; the whole of it is in `configSealed`. */
  configMasked: text('config_masked', { mode: 'json' }).$type<Json>().notNull(),
  sessionConfigMasked: text('session_config_masked', { mode: 'json' }).$type<Record<string, Json>>().notNull(),
  /** JSON of PluginConfig (contract/frames.ts), sealed. */
  configSealed: blob('config_sealed', { mode: 'buffer' }).$type<Uint8Array>().notNull(),
  activeSessions: text('active_sessions', { mode: 'json' }).$type<string[]>().notNull(),
  /** Bytes of keys and values in plugin_storage, kept by the same transaction that writes them. */
  storageBytes: integer('storage_bytes').notNull().default(0),
  installedAt: integer('installed_at').notNull(),
  updatedAt: integer('updated_at').notNull(),
  loadedAt: integer('loaded_at'),
  enabledAt: integer('enabled_at'),
})

export const pluginStorage = sqliteTable(
  'plugin_storage',
  {
    pluginId: text('plugin_id')
      .notNull()
      .references(() => plugins.id, { onDelete: 'cascade' }),
    key: text().notNull(),
    /** JSON text. */
    value: text().notNull(),
  },
  table => [primaryKey({ columns: [table.pluginId, table.key] })],
)
