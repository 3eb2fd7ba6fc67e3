// What plugins were refused, each refusal with its circumstances, and how often they were let through.

export interface Denial {
  at: number
  pluginId: string
  /** As the plugin wrote it, cut to the bound of a frame: it may name nothing. */
  verb: string
  sessionId: string | null
  reason: string
}

/** Refusals kept; a plugin that probes for ever pushes out old ones, and its count still grows. */
export const MAX_DENIALS = 1_000

export interface AuditRecord {
  denied(denial: Denial): void
  allowed(pluginId: string, verb: string): void
}

export interface Audit extends AuditRecord {
  /** Latest last. */
  denials(pluginId?: string): Denial[]
  counts(pluginId: string): { allowed: Record<string, number>; denied: number }
}

export function createAudit(): Audit {
  const ring: Denial[] = []
  let next = 0
  const deniedCounts = new Map<string, number>()
  const allowedCounts = new Map<string, Map<string, number>>()
  return {
    denied(denial) {
      ring[next] = denial
      next = (next + 1) % MAX_DENIALS
      deniedCounts.set(denial.pluginId, (deniedCounts.get(denial.pluginId) ?? 0) + 1)
    },
    allowed(pluginId, verb) {
      const counts = allowedCounts.get(pluginId) ?? new Map<string, number>()
      counts.set(verb, (counts.get(verb) ?? 0) + 1)
      allowedCounts.set(pluginId, counts)
    },
    denials(pluginId) {
      const ordered = ring.length < MAX_DENIALS ? [...ring] : [...ring.slice(next), ...ring.slice(0, next)]
      return pluginId === undefined ? ordered : ordered.filter(denial => denial.pluginId === pluginId)
    },
    counts: pluginId => ({
      allowed: Object.fromEntries(allowedCounts.get(pluginId) ?? []),
      denied: deniedCounts.get(pluginId) ?? 0,
    }),
  }
}
