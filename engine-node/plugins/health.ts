// What GET /plugins/:id/health says: the plugin's own word where it runs, the gateway's about why it does not, and what an
// operator needs beside it (plugin contract, section 3).
import * as v from 'valibot'
import type { PluginRuntime } from '../../src/contract/plugin-view.ts'
import type { PluginRow } from '../../src/db/plugins.ts'
import type { HookFailure } from '../hooks/chain.ts'
import type { GuestConnection } from './guest-connection.ts'
import { errorText } from './host.ts'
import { escapeLine } from './plugin-log.ts'

export const HEALTH_TIMEOUT_MS = 5_000

/** What a plugin says of itself; the rest of the answer would be drawn in somebody's page. */
const MAX_MESSAGE = 1_000

const Answer = v.object({ healthy: v.boolean(), message: v.optional(v.string()) })

export type Health = {
  healthy: boolean
  message?: string
  tier: PluginRow['tier']
  missingPromises: string[]
  runtime: PluginRuntime
  usage: { memoryBytes: number; cpuMs: number } | null
  lastHookError: HookFailure | null
}

/** Never rejects for what the plugin does. */
export async function askHealth(of: {
  row: PluginRow
  guest: GuestConnection | null
  runtime: PluginRuntime
  lastHookError: HookFailure | null
}): Promise<Health> {
  const { row, guest, runtime, lastHookError } = of
  const { healthy, message } = guest
    ? await askPlugin(guest)
    : { healthy: false, message: row.error ?? `The plugin is not running (status ${row.status})` }
  const failure = lastHookError
    ? `Last hook error: ${lastHookError.event} at ${new Date(lastHookError.at).toISOString()}: ${escapeLine(lastHookError.error)}`
    : undefined
  const text = [message, failure].filter(part => part !== undefined && part !== '').join(' | ')
  return {
    healthy,
    ...(text === '' ? {} : { message: text.slice(0, 2 * MAX_MESSAGE) }),
    tier: row.tier,
    missingPromises: row.missingPromises,
    runtime,
    usage: guest ? await guest.usage() : null,
    lastHookError,
  }
}

async function askPlugin(guest: GuestConnection): Promise<{ healthy: boolean; message?: string }> {
  let answer: unknown
  try {
    answer = await guest.call('health', {}, { timeoutMs: HEALTH_TIMEOUT_MS })
  } catch (thrown) {
    return { healthy: false, message: errorText(thrown) }
  }
  const parsed = v.safeParse(Answer, answer)
  if (!parsed.success)
    return { healthy: false, message: 'healthCheck answered something else than { healthy, message }' }
  const { healthy, message } = parsed.output
  return { healthy, ...(message === undefined ? {} : { message: escapeLine(message).slice(0, MAX_MESSAGE) }) }
}
