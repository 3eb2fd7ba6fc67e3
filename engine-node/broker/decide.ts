// Whether a plugin may make one call, and if not, why: pure, so that it can be read as a table. The texts are OpenWA's;
// plugins and their users have seen them.
import type { CapabilitySpec } from '../../src/contract/capabilities.ts'

/** What the broker must know of a plugin. An empty list allows nothing; `*` in a list of sessions allows all. */
export interface BrokerPlugin {
  id: string
  permissions: readonly string[]
  /** The manifest's own bound, which no operator widens. */
  sessions: readonly string[]
  /** False for a plugin that serves the whole gateway: it has no activation. */
  sessionScoped: boolean
  /** Where the operator activated it. */
  activeSessions: readonly string[]
}

export type DenyReason = 'permission' | 'manifest_sessions' | 'not_activated' | 'session_down'
export type Verdict = { allow: true } | { allow: false; reason: DenyReason; why: string }

const covers = (list: readonly string[], id: string) => list.includes('*') || list.includes(id)

/** `sessionId` is null for a verb that acts on no session. */
export function decide(
  { permission }: Pick<CapabilitySpec, 'permission'>,
  plugin: BrokerPlugin,
  sessionId: string | null,
  isLive: (sessionId: string) => boolean,
): Verdict {
  const deny = (reason: DenyReason, why: string): Verdict => ({ allow: false, reason, why })
  if (permission !== null && !plugin.permissions.includes(permission))
    return deny(
      'permission',
      `Plugin ${plugin.id} is missing the '${permission}' permission required for this capability. Add it to "permissions" in its manifest.json and reload the plugin.`,
    )
  if (sessionId === null) return { allow: true }
  // The id came from the plugin: what is shown of it is cut.
  const shown = sessionId.slice(0, 64)
  if (!covers(plugin.sessions, sessionId))
    return deny('manifest_sessions', `Plugin ${plugin.id} is not permitted to act on session ${shown}`)
  if (plugin.sessionScoped && !covers(plugin.activeSessions, sessionId))
    return deny('not_activated', `Plugin ${plugin.id} is not activated for session ${shown}`)
  if (!isLive(sessionId))
    return deny('session_down', `Session ${shown} has no active engine (unknown or not started)`)
  return { allow: true }
}
