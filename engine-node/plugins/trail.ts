// What plugins came to, written down for good: each change of state in the plugin's row and in the audit, in one commit.
import type { PluginRuntime } from '../../src/contract/plugin-view.ts'
import { type AuditEntry, insertAudit } from '../../src/db/audit.ts'
import type { Db, Writer } from '../../src/db/db.ts'
import { updatePlugin } from '../../src/db/plugins.ts'
import type { Logger } from '../log.ts'

export interface Transition {
  runtime: PluginRuntime
  /** Set where it ended by itself, or was ended for what it did; a code of the errors' table. */
  crash?: string
}

export interface Trail {
  /** Does not wait; what cannot be written is logged. */
  transition(pluginId: string, transition: Transition): void
}

export function createTrail(deps: { db: Db; writer: Writer; now(): number; log: Logger }): Trail {
  const { db, writer, now, log } = deps
  return {
    transition(pluginId, { runtime, crash }) {
      const { state, reason, restarts, lastError } = runtime
      const hasFailed = state === 'failed' || state === 'backing off'
      const entry: AuditEntry = {
        at: now(),
        action: actionOf(crash),
        subject: pluginId,
        metadata: { state, reason, restarts, ...(crash !== undefined && { code: crash }) },
        ...(hasFailed && lastError !== null && { errorMessage: lastError }),
      }
      const statements = [
        updatePlugin(db, pluginId, { runtime, updatedAt: now() }),
        ...insertAudit(db, entry),
      ]
      writer
        .commit(statements)
        .catch((err: unknown) =>
          log.error({ err, plugin: pluginId }, 'A change of state was not written down'),
        )
    },
  }
}

function actionOf(crash: string | undefined) {
  if (crash === undefined) return 'plugin_transition'
  return crash === 'plugin_misbehaved' || crash === 'frame_invalid' ? 'plugin_misbehaved' : 'plugin_crashed'
}
