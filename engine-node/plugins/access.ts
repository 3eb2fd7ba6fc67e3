// Where a plugin may act: what its manifest asks for and what the operator left of it, read from its row.
import * as v from 'valibot'
import { Manifest } from '../../src/contract/manifest.ts'
import type { PluginRow } from '../../src/db/plugins.ts'
import type { BrokerPlugin } from '../broker/decide.ts'

/**
 * What a row allows its plugin: all sessions where the manifest lists none (plugin contract, section 1), nothing at all
 * where this version cannot read the manifest.
 */
export function accessOf({ id, manifest, activeSessions }: PluginRow): BrokerPlugin {
  const parsed = v.safeParse(Manifest, manifest)
  if (!parsed.success) return { id, permissions: [], sessions: [], sessionScoped: true, activeSessions: [] }
  const { permissions, sessions, sessionScoped } = parsed.output
  return {
    id,
    permissions: permissions ?? [],
    sessions: sessions ?? ['*'],
    sessionScoped: sessionScoped !== false,
    activeSessions,
  }
}

const covers = (list: readonly string[], id: string) => list.includes('*') || list.includes(id)

/** Whether events of the session are the plugin's business; null is an event of the whole gateway. */
export function isActiveFor(access: BrokerPlugin, sessionId: string | null): boolean {
  if (sessionId === null) return true
  if (!covers(access.sessions, sessionId)) return false
  return !access.sessionScoped || covers(access.activeSessions, sessionId)
}

/** The hooks that a plugin guards: where it should run and does not, the answer there is no. */
export function guardedBy({ manifest }: Pick<PluginRow, 'manifest'>): readonly string[] {
  const parsed = v.safeParse(Manifest, manifest)
  return parsed.success ? (parsed.output.failClosed ?? []) : []
}
