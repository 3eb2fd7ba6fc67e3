// How a session is set up: linked by a code, its own settings, its proxy (REST spec, section 1).
import * as v from 'valibot'
import { ProxyUrl, proxyTypes } from './proxy-url.ts'
import { SessionConfig, SessionStatus } from './session.ts'

export const PairingCode = v.strictObject({ pairingCode: v.string(), status: SessionStatus })
export type PairingCode = v.InferOutput<typeof PairingCode>

/** A phone number with its country code, and nothing but digits. */
export const PhoneNumber = v.pipe(
  v.string('must be a string'),
  v.regex(/^[0-9]{6,15}$/, 'must be 6 to 15 digits, with the country code'),
)

/**
 * Longest first wait after a lost connection, where the session has none of its own. Shorter than OpenWA's five seconds: with
 * jitter over the whole of it nothing is gained by making messages wait.
 */
export const DEFAULT_RECONNECT_BASE_MS = 1_000

/** What GET answers: no setting is left open. */
export const SessionSettings = v.strictObject({
  autoRejectCalls: v.boolean(),
  maxReconnectAttempts: v.nullable(v.number()),
  reconnectBaseDelay: v.number(),
})
export type SessionSettings = v.InferOutput<typeof SessionSettings>

/** Null takes a setting back to its default. */
export const UpdateSessionConfig = v.strictObject({
  autoRejectCalls: SessionConfig.entries.autoRejectCalls,
  maxReconnectAttempts: SessionConfig.entries.maxReconnectAttempts,
  reconnectBaseDelay: SessionConfig.entries.reconnectBaseDelay,
})
export type UpdateSessionConfig = v.InferOutput<typeof UpdateSessionConfig>

/** A session's settings with the defaults filled in. */
export function settingsOf(config: v.InferOutput<typeof SessionConfig> | null): SessionSettings {
  return {
    autoRejectCalls: config?.autoRejectCalls ?? false,
    maxReconnectAttempts: config?.maxReconnectAttempts ?? null,
    reconnectBaseDelay: config?.reconnectBaseDelay ?? DEFAULT_RECONNECT_BASE_MS,
  }
}

export const SetProxy = v.strictObject({ proxyUrl: v.nullable(ProxyUrl) })
export type SetProxy = v.InferOutput<typeof SetProxy>

/** Never the user name or the password. */
export const ProxyView = v.strictObject({
  enabled: v.boolean(),
  proxyType: v.nullable(v.picklist(proxyTypes)),
  proxyHost: v.nullable(v.string()),
  hasCredentials: v.boolean(),
})
export type ProxyView = v.InferOutput<typeof ProxyView>
