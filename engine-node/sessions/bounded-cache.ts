// A cache for Baileys with an end to its size: its own ones forget by age only, and grow with every stranger who writes.
import type { CacheStore } from 'baileys'

interface Entry {
  value: unknown
  until: number
}

/** Holds at most `max` entries, each for `ttlMs`; the oldest go first. */
export function createBoundedCache(options: { max: number; ttlMs: number; now: () => number }): CacheStore {
  const { max, ttlMs, now } = options
  const entries = new Map<string, Entry>()
  return {
    // The type of a value is between Baileys and itself.
    get<T>(key: string): T | undefined {
      const entry = entries.get(key)
      if (entry === undefined) return undefined
      if (entry.until > now()) return entry.value as T
      entries.delete(key)
      return undefined
    },
    set(key, value) {
      entries.delete(key)
      entries.set(key, { value, until: now() + ttlMs })
      for (const oldest of entries.keys()) {
        if (entries.size <= max) break
        entries.delete(oldest)
      }
    },
    del(key) {
      entries.delete(key)
    },
    flushAll() {
      entries.clear()
    },
  }
}
