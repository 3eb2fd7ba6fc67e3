// What is written down for whoever asks later who did what: each action with its weight, and the rows as the API shows them
// (REST spec, section 13).
import * as v from 'valibot'

export const severities = ['info', 'warn', 'error'] as const
export type Severity = (typeof severities)[number]

/** The table. One that failed counts as `warn` at least. */
export const auditActions = {
  api_key_created: 'info',
  api_key_updated: 'info',
  api_key_revoked: 'warn',
  api_key_deleted: 'warn',
  session_created: 'info',
  session_started: 'info',
  session_stopped: 'info',
  session_killed: 'warn',
  session_logged_out: 'warn',
  session_deleted: 'warn',
  plugin_installed: 'info',
  plugin_updated: 'info',
  plugin_enabled: 'info',
  plugin_disabled: 'info',
  plugin_configured: 'info',
  plugin_sessions_changed: 'info',
  plugin_uninstalled: 'warn',
  /** Its runtime state is another one; metadata has the state with its reason. */
  plugin_transition: 'info',
  /** It ended by itself, or was ended for what it used. */
  plugin_crashed: 'warn',
  /** It broke the protocol or flooded the gateway, and was ended for it. */
  plugin_misbehaved: 'error',
} as const satisfies Record<string, Severity>

export type AuditAction = keyof typeof auditActions

/** Rows kept; the oldest go first. At a few hundred bytes each they stay below some megabytes. */
export const MAX_AUDIT_ROWS = 10_000

export const AuditView = v.strictObject({
  id: v.string(),
  action: v.string(),
  severity: v.picklist(severities),
  /** `api_key`: somebody with a key; `gateway`: the gateway itself. */
  actor: v.picklist(['api_key', 'gateway']),
  /** The id of what it was done to: of a plugin, a session or a key, as the action says. */
  subject: v.nullable(v.string()),
  apiKeyId: v.nullable(v.string()),
  apiKeyName: v.nullable(v.string()),
  sessionId: v.nullable(v.string()),
  sessionName: v.nullable(v.string()),
  ipAddress: v.nullable(v.string()),
  userAgent: v.nullable(v.string()),
  method: v.nullable(v.string()),
  path: v.nullable(v.string()),
  statusCode: v.nullable(v.number()),
  metadata: v.nullable(v.record(v.string(), v.unknown())),
  errorMessage: v.nullable(v.string()),
  createdAt: v.string(),
})
export type AuditView = v.InferOutput<typeof AuditView>
