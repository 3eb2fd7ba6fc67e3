// What a session is on the wire: its states, its object, and what creates and changes it (REST spec, section 1).
import * as v from 'valibot'
import { Uuid } from './ids.ts'
import { ProxyUrl } from './proxy-url.ts'

export const sessionStatuses = [
  'created',
  'initializing',
  'qr_ready',
  'authenticating',
  'ready',
  'disconnected',
  'action_required',
  'failed',
] as const
export const SessionStatus = v.picklist(sessionStatuses)
export type SessionStatus = v.InferOutput<typeof SessionStatus>

/** An account restriction that WhatsApp announced. */
export const Restriction = v.strictObject({
  kind: v.picklist(['reachout_timelock', 'tos_block', 'proxy_block']),
  code: v.nullable(v.string()),
  expiresAt: v.nullable(v.string()),
})

export type AccountRestriction = v.InferOutput<typeof Restriction>

/** Why a session is not connected, in a word that stays. */
export const troubleReasons = [
  'unlinked',
  'banned_for_a_time',
  'locked',
  'version_refused',
  'banned',
  'connection_lost',
  'client_refused',
  'linked_devices_off',
  'connection_closed',
  'taken_over',
  'session_error',
  'whatsapp_unavailable',
  'connection_failed',
  'restart_loop',
  'qr_expired',
  'credentials_unreadable',
  'gateway_fault',
] as const

/**
 * What helps: nothing has to (`none`), it helps itself (`wait`), scan the QR code or type the pairing code (`link`), start the
 * session, open WhatsApp on the phone, update Wharf, end the other program that uses the session, put the encryption key back.
 */
export const nextActions = [
  'none',
  'wait',
  'link',
  'start',
  'open_phone',
  'update',
  'end_other',
  'restore_key',
] as const
export type NextAction = (typeof nextActions)[number]

/** What the row keeps of a connection that ended. `code` is WhatsApp's; `retryAt` in epoch milliseconds. */
export const Trouble = v.strictObject({
  reason: v.picklist(troubleReasons),
  code: v.nullable(v.number()),
  nextAction: v.picklist(nextActions),
  /** It does not try again by itself. */
  isFinal: v.boolean(),
  retryAt: v.optional(v.number()),
})
export type Trouble = v.InferOutput<typeof Trouble>

/** How a session came into its status and what comes next; not one of OpenWA's fields. */
export const SessionState = v.strictObject({
  since: v.nullable(v.string()),
  reason: v.nullable(v.picklist(troubleReasons)),
  code: v.nullable(v.number()),
  isFinal: v.boolean(),
  nextAction: v.picklist(nextActions),
  retryAt: v.nullable(v.string()),
})
export type SessionState = v.InferOutput<typeof SessionState>

/** The session object of the API. Dates are ISO-8601 in UTC. Never the configuration or the proxy. */
export const Session = v.strictObject({
  id: Uuid,
  name: v.string(),
  status: SessionStatus,
  phone: v.nullable(v.string()),
  pushName: v.nullable(v.string()),
  connectedAt: v.nullable(v.string()),
  lastActive: v.nullable(v.string()),
  createdAt: v.string(),
  updatedAt: v.string(),
  lastError: v.nullable(v.string()),
  restriction: v.nullable(Restriction),
  engineLoaded: v.boolean(),
  state: SessionState,
})
export type Session = v.InferOutput<typeof Session>

/** The three settings of a session that OpenWA validates; others are stored as they come. */
export const SessionConfig = v.looseObject({
  autoRejectCalls: v.optional(v.nullable(v.boolean())),
  maxReconnectAttempts: v.optional(
    v.nullable(v.pipe(v.number(), v.integer(), v.minValue(0), v.maxValue(20))),
  ),
  reconnectBaseDelay: v.optional(
    v.nullable(v.pipe(v.number(), v.integer(), v.minValue(1000), v.maxValue(300_000))),
  ),
})
export type SessionConfig = v.InferOutput<typeof SessionConfig>

export const CreateSession = v.strictObject({
  name: v.pipe(
    v.string('must be a string'),
    v.minLength(3, 'must be at least 3 characters'),
    v.maxLength(50, 'must be at most 50 characters'),
    v.regex(/^[a-zA-Z0-9-]+$/, 'may hold only letters, digits and -'),
  ),
  config: v.optional(SessionConfig),
  /** An admin's to give. */
  proxyUrl: v.optional(v.nullable(ProxyUrl)),
  /** OpenWA's older field; the URL says it. */
  proxyType: v.optional(v.unknown()),
})
export type CreateSession = v.InferOutput<typeof CreateSession>

/** The answer to GET /qr: the picture for a page, and the text that a terminal draws. */
export const SessionQr = v.strictObject({
  qrCode: v.pipe(v.string(), v.startsWith('data:image/png;base64,')),
  qr: v.string(),
  status: SessionStatus,
})
export type SessionQr = v.InferOutput<typeof SessionQr>
