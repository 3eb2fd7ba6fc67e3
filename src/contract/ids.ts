// The identifiers of the gateway, parsed once and branded, so that one is never taken for another.
import * as v from 'valibot'

/** Row ids of sessions, messages and API keys: UUIDs, as OpenWA's. */
export const Uuid = v.pipe(v.string(), v.uuid('must be a UUID'))

export const SessionId = v.pipe(Uuid, v.brand('SessionId'))
export type SessionId = v.InferOutput<typeof SessionId>

/** Longest chat id taken in: the longest that WhatsApp makes is below 60 characters. */
const MAX_CHAT_ID = 128

/** A chat or a person: `<phone>@c.us`, `<lid>@lid`, `<id>@g.us`, `<id>@newsletter`, `status@broadcast` (REST spec 0.8). */
export const ChatId = v.pipe(
  v.string('must be a string'),
  v.maxLength(MAX_CHAT_ID, 'is too long'),
  v.regex(/^[^\s@:]+@[a-z.]+$/, 'must look like 15550000001@c.us'),
  // Baileys' spelling of the same person is taken in, and given out by nobody (REST spec 0.8).
  v.transform(id => id.replace(/@s\.whatsapp\.net$/, '@c.us')),
  v.brand('ChatId'),
)
export type ChatId = v.InferOutput<typeof ChatId>

/** A message id as WhatsApp knows it (Baileys' raw key id). */
export const WaMessageId = v.pipe(
  v.string('must be a string'),
  v.regex(/^[\x21-\x7e]{1,128}$/, 'must be 1 to 128 visible ASCII characters'),
  v.brand('WaMessageId'),
)
export type WaMessageId = v.InferOutput<typeof WaMessageId>

/** A plugin's id; it names a folder and rows, so nothing that could mean a path passes (plugin contract, section 1). */
export const PluginId = v.pipe(
  v.string('must be a string'),
  v.maxLength(100, 'is longer than 100 characters'),
  v.regex(
    /^[a-z0-9][a-z0-9._-]*$/i,
    'must start with a letter or digit and hold only letters, digits, . _ -',
  ),
  v.check(id => !id.includes('..'), 'must not contain ".."'),
  v.brand('PluginId'),
)
export type PluginId = v.InferOutput<typeof PluginId>
