// What the broker knows of one plugin's calls, as the API shows it.
import type { PluginCalls } from '../../src/contract/plugin-view.ts'
import type { Audit } from '../broker/audit.ts'

const iso = (ms: number) => new Date(ms).toISOString()

export function callReport(
  audit: Pick<Audit, 'denials' | 'counts' | 'minutes'>,
  pluginId: string,
): PluginCalls {
  return {
    denials: audit.denials(pluginId).map(denial => ({ ...denial, at: iso(denial.at) })),
    counts: {
      ...audit.counts(pluginId),
      minutes: audit.minutes(pluginId).map(minute => ({ ...minute, at: iso(minute.at) })),
    },
  }
}
