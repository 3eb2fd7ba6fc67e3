// The tables. Times are epoch milliseconds unless a column says seconds. What is secret is stored sealed (`*_sealed`, blobs):
// AES-256-GCM with a key that is not in the database (engine-node/store/sealer.ts).
import { sql } from 'drizzle-orm'
import { blob, index, integer, primaryKey, sqliteTable, text, uniqueIndex } from 'drizzle-orm/sqlite-core'
import type { BatchStatus } from '../contract/bulk.ts'
import type { Grants } from '../contract/grants.ts'
import type { JobState } from '../contract/job.ts'
import type { MessageStatus, MessageType } from '../contract/message.ts'
import type { PluginRuntime, PluginStatus, Tier } from '../contract/plugin-view.ts'
import type { SessionConfig, SessionStatus, Trouble } from '../contract/session.ts'
import type { DeliveryStatus, DisabledReason, WebhookFilters } from '../contract/webhook.ts'

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
  /** Since when it is in its status; null for one that has not changed since the column is there. */
  statusSince: integer('status_since'),
  /** Why it is not connected and what helps; null where nothing is wrong. */
  trouble: text({ mode: 'json' }).$type<Trouble>(),
  restriction: text({ mode: 'json' }).$type<Json>(),
  config: text({ mode: 'json' }).$type<SessionConfig>(),
  engineLoaded: integer('engine_loaded', { mode: 'boolean' }).notNull().default(false),
  /** When all groups of the account were listed; null for an account that was never asked for them. */
  groupsListedAt: integer('groups_listed_at'),
  createdAt: integer('created_at').notNull(),
  updatedAt: integer('updated_at').notNull(),
})

/** Which engine runs a session. A row stays when nobody does, so that its fence only ever rises. */
export const sessionLeases = sqliteTable('session_leases', {
  sessionId: text('session_id')
    .primaryKey()
    .references(() => sessions.id, { onDelete: 'cascade' }),
  /** Rises with each claim; a write under an older one is refused. */
  fence: integer().notNull(),
  /** Counts the renewals of a claim. */
  beat: integer().notNull().default(0),
  /** One start of one engine; null once it has let go. */
  owner: text(),
  /** What people call that engine. */
  ownerName: text('owner_name').notNull().default(''),
  /** The data folder of the owner, in which one engine at most can run. */
  home: text().notNull().default(''),
  /** Without a renewal for so long, by the clock of whoever looks, the claim is over. */
  leaseMs: integer('lease_ms').notNull().default(0),
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
    /** Finds at start what was read and did not become a message any more. */
    waMessageId: text('wa_message_id').notNull(),
    /** The plaintext, and the attributes of the stanza that it came in. */
    entrySealed: blob('entry_sealed', { mode: 'buffer' }).$type<Uint8Array>().notNull(),
    createdAt: integer('created_at').notNull(),
  },
  // In the order of time, though it is the hash that is asked for: by that each entry would change another page of the index.
  table => [primaryKey({ columns: [table.sessionId, table.createdAt, table.hash] })],
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
    /** Of an own message: when WhatsApp first showed that it has it. */
    ackedAt: integer('acked_at'),
    /** Since when it waits for a content that can be decrypted; null for a message that has been read. */
    undecryptedSince: integer('undecrypted_since'),
    /** JSON of what plugins are to be told of it; null when they have been told, so a restart knows what is left. */
    untold: text(),
    createdAt: integer('created_at').notNull(),
  },
  table => [
    index('messages_untold').on(table.sessionId).where(sql`untold IS NOT NULL`),
    index('messages_undecrypted').on(table.sessionId).where(sql`undecrypted_since IS NOT NULL`),
    index('messages_unacked').on(table.sessionId).where(sql`acked_at IS NULL AND direction = 'outgoing'`),
    // By WhatsApp's id first, which is how messages are looked up: one index does both.
    uniqueIndex('messages_identity').on(table.sessionId, table.waMessageId, table.chatId, table.senderId),
    index('messages_by_session').on(table.sessionId, table.createdAt),
    index('messages_by_chat').on(table.sessionId, table.chatId, table.createdAt),
    index('messages_by_lid').on(table.sessionId, table.lidId).where(sql`lid_id IS NOT NULL`),
  ],
)

export const plugins = sqliteTable('plugins', {
  id: text().primaryKey(),
  name: text().notNull(),
  version: text().notNull(),
  manifest: text({ mode: 'json' }).$type<Json>().notNull(),
  /** SHA-256 of the archive in hex; with the id it names the folder of the code. */
  packageSha256: text('package_sha256'),
  /** It came with the gateway: set from the gateway's own folder alone, never from what a package says of itself. */
  builtIn: integer('built_in', { mode: 'boolean' }).notNull().default(false),
  status: text().$type<PluginStatus>().notNull(),
  /** Only the operator's enable and disable change it; a crash or a restart does not. */
  enabledByOperator: integer('enabled_by_operator', { mode: 'boolean' }).notNull().default(false),
  tier: text().$type<Tier>().notNull(),
  missingPromises: text('missing_promises', { mode: 'json' }).$type<string[]>().notNull().default(sql`'[]'`),
  error: text(),
  /** The configuration with secrets masked, for readers without the key; the whole of it is in `configSealed`. */
  configMasked: text('config_masked', { mode: 'json' }).$type<Json>().notNull(),
  sessionConfigMasked: text('session_config_masked', { mode: 'json' })
    .$type<Record<string, Json>>()
    .notNull(),
  /** JSON of PluginConfig (contract/frames.ts), sealed. */
  configSealed: blob('config_sealed', { mode: 'buffer' }).$type<Uint8Array>().notNull(),
  activeSessions: text('active_sessions', { mode: 'json' }).$type<string[]>().notNull(),
  /** Bytes of keys and values in plugin_storage, kept by the same transaction that writes them. */
  storageBytes: integer('storage_bytes').notNull().default(0),
  /** Keys in plugin_storage, kept in the same way; those from before it was counted are not in it. */
  storageKeys: integer('storage_keys').notNull().default(0),
  installedAt: integer('installed_at').notNull(),
  updatedAt: integer('updated_at').notNull(),
  loadedAt: integer('loaded_at'),
  enabledAt: integer('enabled_at'),
  /** What the operator has confirmed of what the manifest asks for beyond permissions; null for nothing. */
  grants: text({ mode: 'json' }).$type<Grants>(),
  /** What of these nobody but the settings' policy has confirmed: it is judged again at each start. */
  grantsByPolicy: text('grants_by_policy', { mode: 'json' }).$type<Grants>(),
  /** What it does, as of its last change. */
  runtime: text({ mode: 'json' }).$type<PluginRuntime>(),
  /** When it crashed lately, so that neither a restart of the gateway nor enabling it again makes that undone. */
  crashes: text({ mode: 'json' }).$type<number[]>().notNull().default(sql`'[]'`),
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

/** Provisioned ingress of plugins: who may send to a plugin's routes, and for which session (null: for all). */
export const pluginInstances = sqliteTable(
  'plugin_instances',
  {
    pluginId: text('plugin_id')
      .notNull()
      .references(() => plugins.id, { onDelete: 'cascade' }),
    instanceId: text('instance_id').notNull(),
    sessionScope: text('session_scope'),
    secretSealed: blob('secret_sealed', { mode: 'buffer' }).$type<Uint8Array>().notNull(),
    verifyTokenSealed: blob('verify_token_sealed', { mode: 'buffer' }).$type<Uint8Array>(),
    configMasked: text('config_masked', { mode: 'json' }).$type<Json>().notNull(),
    configSealed: blob('config_sealed', { mode: 'buffer' }).$type<Uint8Array>().notNull(),
    enabled: integer({ mode: 'boolean' }).notNull().default(true),
    createdAt: integer('created_at').notNull(),
    updatedAt: integer('updated_at').notNull(),
  },
  table => [primaryKey({ columns: [table.pluginId, table.instanceId] })],
)

/**
 * Webhooks that were acknowledged. A row outlives its work: done, it remembers the delivery's id against replays; dead, it
 * waits to be taken up again. It stays when its instance is deleted.
 */
export const ingressEvents = sqliteTable(
  'ingress_events',
  {
    /** Counts up, so it is also the order of arrival. */
    id: integer().primaryKey({ autoIncrement: true }),
    pluginId: text('plugin_id')
      .notNull()
      .references(() => plugins.id, { onDelete: 'cascade' }),
    instanceId: text('instance_id').notNull(),
    route: text().notNull(),
    deliveryId: text('delivery_id').notNull(),
    /** The conversation at the other side, where the route says how to find it; null is one more lane. */
    conversationId: text('conversation_id'),
    sessionId: text('session_id'),
    state: text({ enum: ['pending', 'done', 'dead'] }).notNull(),
    attempts: integer().notNull().default(0),
    nextAttemptAt: integer('next_attempt_at').notNull(),
    error: text(),
    /** JSON of the request, sealed; null once it is done. */
    requestSealed: blob('request_sealed', { mode: 'buffer' }).$type<Uint8Array>(),
    receivedAt: integer('received_at').notNull(),
    finishedAt: integer('finished_at'),
  },
  table => [
    uniqueIndex('ingress_events_identity').on(
      table.pluginId,
      table.instanceId,
      table.route,
      table.deliveryId,
    ),
    index('ingress_events_by_state').on(table.state, table.finishedAt),
  ],
)

/** Which conversation of another system is which chat, and who answers in it. A plugin's `instanceId` need not be provisioned. */
export const conversationMappings = sqliteTable(
  'conversation_mappings',
  {
    /** Without a foreign key: the mapping of a deleted session waits for the one that replaces it. */
    sessionId: text('session_id').notNull(),
    chatId: text('chat_id').notNull(),
    pluginId: text('plugin_id')
      .notNull()
      .references(() => plugins.id, { onDelete: 'cascade' }),
    instanceId: text('instance_id').notNull(),
    providerConversationId: text('provider_conversation_id').notNull(),
    handoverState: text('handover_state', { enum: ['bot', 'human', 'closed'] }).notNull(),
    createdAt: integer('created_at').notNull(),
    updatedAt: integer('updated_at').notNull(),
  },
  table => [
    primaryKey({ columns: [table.sessionId, table.chatId, table.pluginId, table.instanceId] }),
    uniqueIndex('conversation_mappings_provider').on(
      table.pluginId,
      table.instanceId,
      table.providerConversationId,
    ),
  ],
)

/** The event log: everything that webhooks and streams carry. `seq` is the cursor of readers, in the order of commits. */
export const events = sqliteTable(
  'events',
  {
    seq: integer().primaryKey({ autoIncrement: true }),
    id: text().notNull().unique(),
    event: text().notNull(),
    sessionId: text('session_id')
      .notNull()
      .references(() => sessions.id, { onDelete: 'cascade' }),
    chatId: text('chat_id'),
    /** JSON text; it is sent as it stands here. */
    data: text().notNull(),
    /** What the row weighs when the log is cut to its size. */
    bytes: integer().notNull(),
    occurredAt: integer('occurred_at').notNull(),
    createdAt: integer('created_at').notNull(),
  },
  // With the bytes, so that their sum is found without the rows.
  table => [index('events_by_session').on(table.sessionId, table.bytes)],
)

export const webhooks = sqliteTable(
  'webhooks',
  {
    id: text().primaryKey(),
    sessionId: text('session_id')
      .notNull()
      .references(() => sessions.id, { onDelete: 'cascade' }),
    url: text().notNull(),
    events: text({ mode: 'json' }).$type<string[]>().notNull(),
    filters: text({ mode: 'json' }).$type<WebhookFilters>(),
    active: integer({ mode: 'boolean' }).notNull().default(true),
    /** Whether deliveries of one chat keep their order. */
    ordered: integer({ mode: 'boolean' }).notNull().default(true),
    /** OpenWA's tries in all; null for the schedule over three days. */
    retryCount: integer('retry_count'),
    /** JSON of the secrets with their ends and of the headers, sealed; names of the headers are in `headerNames`. */
    secretsSealed: blob('secrets_sealed', { mode: 'buffer' }).$type<Uint8Array>().notNull(),
    headerNames: text('header_names', { mode: 'json' }).$type<string[]>().notNull(),
    /** Since when every try has failed; null while it answers. */
    failingSince: integer('failing_since'),
    disabledReason: text('disabled_reason').$type<DisabledReason>(),
    lastTriggeredAt: integer('last_triggered_at'),
    createdAt: integer('created_at').notNull(),
    updatedAt: integer('updated_at').notNull(),
  },
  table => [index('webhooks_by_session').on(table.sessionId)],
)

/** One event on its way to one webhook. Rows outlive their webhook, so that what became of them can be told. */
export const deliveries = sqliteTable(
  'deliveries',
  {
    /** Counts up: the order within a lane. */
    position: integer().primaryKey({ autoIncrement: true }),
    id: text().notNull().unique(),
    webhookId: text('webhook_id').notNull(),
    sessionId: text('session_id')
      .notNull()
      .references(() => sessions.id, { onDelete: 'cascade' }),
    eventId: text('event_id').notNull(),
    event: text().notNull(),
    /** The chat, or empty for what belongs to none. One delivery of a lane is under way at a time, unless unordered. */
    lane: text().notNull(),
    idempotencyKey: text('idempotency_key').notNull(),
    url: text().notNull(),
    status: text().$type<DeliveryStatus>().notNull(),
    attempts: integer().notNull().default(0),
    nextAt: integer('next_at').notNull(),
    lastAttemptAt: integer('last_attempt_at'),
    lastStatus: integer('last_status'),
    lastResult: text('last_result'),
    lastError: text('last_error'),
    responseMs: integer('response_ms'),
    responseBody: text('response_body'),
    /** JSON of the data as a plugin has rewritten it; null while the event's own is sent. */
    rewritten: text(),
    replayOf: text('replay_of'),
    createdAt: integer('created_at').notNull(),
    settledAt: integer('settled_at'),
  },
  table => [
    // Of what is open only: the index stays as small as the queue, and what has come to an end leaves it.
    index('deliveries_due').on(table.webhookId, table.nextAt).where(sql`status = 'due'`),
    index('deliveries_by_lane')
      .on(table.webhookId, table.lane, table.status)
      .where(sql`status = 'due' OR status = 'waiting'`),
    index('deliveries_dead').on(table.status).where(sql`status = 'dead'`),
    index('deliveries_by_event').on(table.eventId),
    index('deliveries_by_session').on(table.sessionId),
  ],
)

/** Keys that clients have given their sends, each with the one message that it has led to. */
export const idempotencyKeys = sqliteTable(
  'idempotency_keys',
  {
    sessionId: text('session_id')
      .notNull()
      .references(() => sessions.id, { onDelete: 'cascade' }),
    key: text().notNull(),
    /** Digest of the route and the body. */
    hash: text().notNull(),
    messageId: text('message_id').notNull(),
    waMessageId: text('wa_message_id').notNull(),
    /** Seconds, as the first answer had it. */
    timestamp: integer().notNull(),
    createdAt: integer('created_at').notNull(),
  },
  table => [
    primaryKey({ columns: [table.sessionId, table.key] }),
    index('idempotency_keys_by_message').on(table.messageId),
    index('idempotency_keys_age').on(table.createdAt),
  ],
)

/** People that an account knows: one row for each, whichever of their ids are known by now. Chats and groups point at it. */
export const contacts = sqliteTable(
  'contacts',
  {
    id: text().primaryKey(),
    sessionId: text('session_id')
      .notNull()
      .references(() => sessions.id, { onDelete: 'cascade' }),
    phoneId: text('phone_id'),
    lidId: text('lid_id'),
    /** As the address book of the phone has it. */
    name: text(),
    /** As the person calls itself. */
    pushName: text('push_name'),
    verifiedName: text('verified_name'),
    isBlocked: integer('is_blocked', { mode: 'boolean' }).notNull().default(false),
  },
  table => [
    uniqueIndex('contacts_by_phone').on(table.sessionId, table.phoneId),
    uniqueIndex('contacts_by_lid').on(table.sessionId, table.lidId),
  ],
)

/** What the phone says of a chat. Its messages are in `messages`; null is what the phone has not said. */
export const chats = sqliteTable(
  'chats',
  {
    sessionId: text('session_id')
      .notNull()
      .references(() => sessions.id, { onDelete: 'cascade' }),
    /** Id of a contact where it is a chat with one person, so that learning another id of theirs does not split it; else its own. */
    peer: text().notNull(),
    name: text(),
    /** Seconds; of the last message, where that is not stored. */
    lastAt: integer('last_at'),
    archived: integer({ mode: 'boolean' }),
    /** 0: not pinned. */
    pinnedAt: integer('pinned_at'),
    /** 0: not muted, -1: for ever. */
    mutedUntil: integer('muted_until'),
    /** Unread messages at `countedAt`; what came in since is counted on top. -1: marked as unread by hand. */
    unreadBase: integer('unread_base'),
    countedAt: integer('counted_at'),
    ephemeralSeconds: integer('ephemeral_seconds'),
    changedAt: integer('changed_at').notNull(),
  },
  table => [primaryKey({ columns: [table.sessionId, table.peer] })],
)

/** Groups as WhatsApp describes them. */
export const groups = sqliteTable(
  'groups',
  {
    sessionId: text('session_id')
      .notNull()
      .references(() => sessions.id, { onDelete: 'cascade' }),
    groupId: text('group_id').notNull(),
    subject: text(),
    description: text(),
    /** Neutral id, the one that WhatsApp gave. */
    ownerId: text('owner_id'),
    /** Seconds. */
    createdAt: integer('created_at'),
    /** Only admins write. */
    announce: integer({ mode: 'boolean' }),
    /** Only admins change what the group is called and says. */
    locked: integer({ mode: 'boolean' }),
    memberAddMode: text('member_add_mode', { enum: ['all', 'admins'] }),
    joinApproval: integer('join_approval', { mode: 'boolean' }),
    ephemeralSeconds: integer('ephemeral_seconds'),
    linkedParent: text('linked_parent'),
    /** By which of their ids the members are addressed when a message is encrypted for them. */
    addressing: text({ enum: ['lid', 'pn'] }),
    /** Whether this account is in it. */
    isMember: integer('is_member', { mode: 'boolean' }).notNull(),
    /** All members are known; false for a group of which only single changes were heard. */
    isComplete: integer('is_complete', { mode: 'boolean' }).notNull(),
  },
  table => [primaryKey({ columns: [table.sessionId, table.groupId] })],
)

export const groupMembers = sqliteTable(
  'group_members',
  {
    sessionId: text('session_id')
      .notNull()
      .references(() => sessions.id, { onDelete: 'cascade' }),
    groupId: text('group_id').notNull(),
    contactId: text('contact_id').notNull(),
    /** The address that the group knows the member by, neutral. */
    address: text().notNull(),
    admin: text({ enum: ['admin', 'superadmin'] }),
  },
  table => [
    primaryKey({ columns: [table.sessionId, table.groupId, table.contactId] }),
    index('group_members_by_contact').on(table.contactId),
  ],
)

/** How a session reaches WhatsApp where not directly. What may be shown is beside the sealed whole. */
export const sessionProxies = sqliteTable('session_proxies', {
  sessionId: text('session_id')
    .primaryKey()
    .references(() => sessions.id, { onDelete: 'cascade' }),
  type: text({ enum: ['http', 'https', 'socks4', 'socks5'] }).notNull(),
  /** `host:port` */
  host: text().notNull(),
  hasCredentials: integer('has_credentials', { mode: 'boolean' }).notNull(),
  urlSealed: blob('url_sealed', { mode: 'buffer' }).$type<Uint8Array>().notNull(),
})

/** Pieces of history that the phone sent, and how far each is stored: a restart goes on where it was. */
export const historyChunks = sqliteTable(
  'history_chunks',
  {
    sessionId: text('session_id')
      .notNull()
      .references(() => sessions.id, { onDelete: 'cascade' }),
    /** WhatsApp's id of the message that announced it. */
    id: text().notNull(),
    /** The announcement, sealed: where the piece lies, and its key. Null once it is done. */
    noticeSealed: blob('notice_sealed', { mode: 'buffer' }).$type<Uint8Array>(),
    state: text({ enum: ['pending', 'done', 'cut', 'lost'] }).notNull(),
    /** Messages of it that have been gone through. */
    taken: integer().notNull().default(0),
    /** Of those, what was stored. */
    rows: integer().notNull().default(0),
    bytes: integer().notNull().default(0),
    createdAt: integer('created_at').notNull(),
  },
  table => [primaryKey({ columns: [table.sessionId, table.id] })],
)

/** What was done to messages: reactions, edits, deletions, votes, pins; ours too. One row for each that came. */
export const messageChanges = sqliteTable(
  'message_changes',
  {
    id: text().primaryKey(),
    sessionId: text('session_id')
      .notNull()
      .references(() => sessions.id, { onDelete: 'cascade' }),
    /** Of the message that said so. */
    waMessageId: text('wa_message_id').notNull(),
    chatId: text('chat_id').notNull(),
    /** Empty for this account. */
    senderId: text('sender_id').notNull(),
    phoneId: text('phone_id'),
    lidId: text('lid_id'),
    /** WhatsApp's id of the message that is changed. It may not be stored here. */
    targetId: text('target_id').notNull(),
    kind: text({ enum: ['reaction', 'edit', 'sealed-edit', 'revoke', 'hide', 'vote', 'pin'] }).notNull(),
    value: text({ mode: 'json' }).$type<Json>().notNull(),
    /** Of an own one: to answer a retry receipt. */
    protoSealed: blob('proto_sealed', { mode: 'buffer' }).$type<Uint8Array>(),
    /** A vote that is not in its poll's tally yet, or another change whose message is not here. */
    isOpen: integer('is_open', { mode: 'boolean' }).notNull().default(false),
    /** Epoch milliseconds, as the sender tells them. */
    at: integer().notNull(),
    createdAt: integer('created_at').notNull(),
  },
  table => [
    uniqueIndex('message_changes_identity').on(
      table.sessionId,
      table.chatId,
      table.senderId,
      table.waMessageId,
    ),
    index('message_changes_by_target').on(table.sessionId, table.targetId),
    index('message_changes_open').on(table.sessionId).where(sql`is_open = 1`),
    index('message_changes_age').on(table.createdAt),
  ],
)

/** The file of a message: whether it is here, and what has been tried to get it. */
export const messageMedia = sqliteTable(
  'message_media',
  {
    messageId: text('message_id')
      .primaryKey()
      .references(() => messages.id, { onDelete: 'cascade' }),
    sessionId: text('session_id').notNull(),
    /** SHA-256 of the file in hex: its name in the store. Null while it is not there. */
    hash: text(),
    mimetype: text().notNull(),
    filename: text(),
    bytes: integer(),
    /** `remote`: of an old message; it is fetched when somebody asks for it, or when nothing else is to do. */
    state: text({ enum: ['waiting', 'remote', 'stored', 'lost', 'refused', 'expired'] }).notNull(),
    attempts: integer().notNull().default(0),
    /** When it is to be tried again. */
    nextAt: integer('next_at').notNull(),
    error: text(),
    createdAt: integer('created_at').notNull(),
    storedAt: integer('stored_at'),
  },
  table => [
    index('message_media_waiting').on(table.nextAt).where(sql`state = 'waiting'`),
    index('message_media_remote').on(table.createdAt).where(sql`state = 'remote'`),
    index('message_media_by_hash').on(table.hash),
  ],
)

/** Who did what, and what plugins came to. Rows outlive what they tell of, so nothing refers to it. */
export const audit = sqliteTable(
  'audit',
  {
    id: integer().primaryKey({ autoIncrement: true }),
    action: text().notNull(),
    severity: text({ enum: ['info', 'warn', 'error'] }).notNull(),
    actor: text({ enum: ['api_key', 'gateway'] }).notNull(),
    /** Id of a plugin, a session or a key, as the action says. */
    subject: text(),
    apiKeyId: text('api_key_id'),
    apiKeyName: text('api_key_name'),
    sessionId: text('session_id'),
    ipAddress: text('ip_address'),
    userAgent: text('user_agent'),
    method: text(),
    path: text(),
    statusCode: integer('status_code'),
    metadata: text({ mode: 'json' }).$type<Json>(),
    errorMessage: text('error_message'),
    createdAt: integer('created_at').notNull(),
  },
  table => [index('audit_by_session').on(table.sessionId)],
)

/** Texts that are saved to be sent again and again. */
export const templates = sqliteTable(
  'templates',
  {
    id: text().primaryKey(),
    sessionId: text('session_id')
      .notNull()
      .references(() => sessions.id, { onDelete: 'cascade' }),
    name: text().notNull(),
    body: text().notNull(),
    header: text(),
    footer: text(),
    createdAt: integer('created_at').notNull(),
    updatedAt: integer('updated_at').notNull(),
  },
  table => [uniqueIndex('templates_by_name').on(table.sessionId, table.name)],
)

/** Bulk sends; their messages are rows of `send_jobs`. */
export const sendBatches = sqliteTable(
  'send_batches',
  {
    id: text().primaryKey(),
    sessionId: text('session_id')
      .notNull()
      .references(() => sessions.id, { onDelete: 'cascade' }),
    /** The client's name for it, or one that was made. */
    batchId: text('batch_id').notNull(),
    status: text().$type<BatchStatus>().notNull(),
    delayMs: integer('delay_ms').notNull(),
    randomize: integer({ mode: 'boolean' }).notNull(),
    stopOnError: integer('stop_on_error', { mode: 'boolean' }).notNull(),
    createdAt: integer('created_at').notNull(),
    startedAt: integer('started_at'),
    completedAt: integer('completed_at'),
  },
  table => [
    uniqueIndex('send_batches_by_name').on(table.sessionId, table.batchId),
    index('send_batches_open').on(table.status).where(sql`completed_at IS NULL`),
  ],
)

/**
 * Sends to come, and what became of them: scheduled ones, those of batches, automatic answers. The id is the idempotency key
 * of the send, so that a job that is taken up again leads to the same message.
 */
export const sendJobs = sqliteTable(
  'send_jobs',
  {
    id: text().primaryKey(),
    sessionId: text('session_id')
      .notNull()
      .references(() => sessions.id, { onDelete: 'cascade' }),
    origin: text({ enum: ['scheduled', 'bulk', 'automation'] }).notNull(),
    batch: text().references(() => sendBatches.id, { onDelete: 'cascade' }),
    /** Its place in the batch. */
    position: integer().notNull().default(0),
    chatId: text('chat_id').notNull(),
    type: text().notNull(),
    /** JSON of what is sent; null once that is settled. */
    input: text(),
    /** When it was asked for; of a batch: when the batch was. */
    sendAt: integer('send_at').notNull(),
    /** When it is to be looked at next; null for what is settled, and in a batch for all but the first that is open. */
    dueAt: integer('due_at'),
    state: text().$type<JobState>().notNull(),
    attempts: integer().notNull().default(0),
    /** When the first try of which it is not known what it led to began. */
    claimedAt: integer('claimed_at'),
    waMessageId: text('wa_message_id'),
    errorCode: text('error_code'),
    error: text(),
    /** The key under which a client asked for it, and the digest of what it asked for. */
    clientKey: text('client_key'),
    clientHash: text('client_hash'),
    createdAt: integer('created_at').notNull(),
    settledAt: integer('settled_at'),
  },
  table => [
    index('send_jobs_due').on(table.sessionId, table.dueAt).where(sql`due_at IS NOT NULL`),
    index('send_jobs_by_batch').on(table.batch, table.position),
    index('send_jobs_by_session').on(table.sessionId, table.origin, table.createdAt),
    index('send_jobs_settled').on(table.settledAt).where(sql`settled_at IS NOT NULL`),
    uniqueIndex('send_jobs_by_key').on(table.sessionId, table.clientKey),
  ],
)

/** Answers that the gateway gives by itself. */
export const automationRules = sqliteTable(
  'automation_rules',
  {
    id: text().primaryKey(),
    sessionId: text('session_id')
      .notNull()
      .references(() => sessions.id, { onDelete: 'cascade' }),
    name: text().notNull(),
    enabled: integer({ mode: 'boolean' }).notNull(),
    conditions: text({ mode: 'json' }).$type<WebhookFilters>(),
    replyText: text('reply_text').notNull(),
    cooldownSeconds: integer('cooldown_seconds').notNull(),
    createdAt: integer('created_at').notNull(),
    updatedAt: integer('updated_at').notNull(),
  },
  table => [index('automation_rules_by_session').on(table.sessionId, table.createdAt)],
)

/** The last answer of each rule in each chat: what its cooldown counts from. */
export const automationReplies = sqliteTable(
  'automation_replies',
  {
    ruleId: text('rule_id')
      .notNull()
      .references(() => automationRules.id, { onDelete: 'cascade' }),
    chatId: text('chat_id').notNull(),
    repliedAt: integer('replied_at').notNull(),
  },
  table => [primaryKey({ columns: [table.ruleId, table.chatId] })],
)
