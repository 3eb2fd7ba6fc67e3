// What plugins were refused, each refusal with its circumstances, and how often they were let through, minute by minute.
// In memory and bounded: who asks for ever costs no more than who has asked a while.

export interface Denial {
  at: number
  pluginId: string
  /** As the plugin wrote it, cut to the bound of a frame: it may name nothing. */
  verb: string
  sessionId: string | null
  reason: string
}

/** Refusals kept of each plugin; one that probes for ever pushes out its own old ones, and its count still grows. */
export const MAX_DENIALS = 1_000

/** Minutes of which the counts are kept: the last hour. */
export const MAX_MINUTES = 60

const MINUTE_MS = 60_000

/** What a plugin did in one minute. */
export interface MinuteCount {
  /** When the minute began, in epoch milliseconds. */
  at: number
  /** Calls that were let through, by verb. */
  allowed: Record<string, number>
  denied: number
}

export interface AuditRecord {
  denied(denial: Denial): void
  allowed(pluginId: string, verb: string, at: number): void
}

export interface Audit extends AuditRecord {
  /** Latest last. */
  denials(pluginId?: string): Denial[]
  /** Since the gateway started. */
  counts(pluginId: string): { allowed: Record<string, number>; denied: number }
  /** Latest last; minutes without calls are left out. */
  minutes(pluginId: string): MinuteCount[]
  /** Another plugin of the same name begins anew. */
  forget(pluginId: string): void
}

interface Entry {
  ring: Denial[]
  next: number
  denied: number
  allowed: Map<string, number>
  minutes: { at: number; allowed: Map<string, number>; denied: number }[]
}

export function createAudit(): Audit {
  const entries = new Map<string, Entry>()

  function entryOf(pluginId: string): Entry {
    let entry = entries.get(pluginId)
    if (entry === undefined) {
      entry = { ring: [], next: 0, denied: 0, allowed: new Map(), minutes: [] }
      entries.set(pluginId, entry)
    }
    return entry
  }

  function minuteOf({ minutes }: Entry, now: number) {
    const at = now - (now % MINUTE_MS)
    const latest = minutes.at(-1)
    if (latest?.at === at) return latest
    const minute = { at, allowed: new Map<string, number>(), denied: 0 }
    minutes.push(minute)
    if (minutes.length > MAX_MINUTES) minutes.shift()
    return minute
  }

  const inOrder = ({ ring, next }: Entry) => [...ring.slice(next), ...ring.slice(0, next)]

  return {
    denied(denial) {
      const entry = entryOf(denial.pluginId)
      entry.ring[entry.next] = denial
      entry.next = (entry.next + 1) % MAX_DENIALS
      entry.denied += 1
      minuteOf(entry, denial.at).denied += 1
    },
    allowed(pluginId, verb, at) {
      const entry = entryOf(pluginId)
      for (const counts of [entry.allowed, minuteOf(entry, at).allowed])
        counts.set(verb, (counts.get(verb) ?? 0) + 1)
    },
    denials(pluginId) {
      if (pluginId === undefined) return [...entries.values()].flatMap(inOrder).sort((a, b) => a.at - b.at)
      const entry = entries.get(pluginId)
      return entry === undefined ? [] : inOrder(entry)
    },
    counts(pluginId) {
      const entry = entries.get(pluginId)
      return { allowed: Object.fromEntries(entry?.allowed ?? []), denied: entry?.denied ?? 0 }
    },
    minutes: pluginId =>
      (entries.get(pluginId)?.minutes ?? []).map(({ at, allowed, denied }) => ({
        at,
        allowed: Object.fromEntries(allowed),
        denied,
      })),
    forget: pluginId => void entries.delete(pluginId),
  }
}
