// Ends guests that take more memory than they may. V8's own limit sees neither buffers nor WebAssembly (attack 42).
import type { Clock } from '../clock.ts'

/** How often memory is read: at a gigabyte a second a guest gets 50 MB too far. */
export const WATCH_INTERVAL_MS = 50

/**
 * What Node takes beside the plugin's own data, and a plugin is not charged for: some 15 MiB at the start, and up to 40
 * with the young objects of a hundred thousand hooks a second (measured on Node 26).
 */
export const NODE_BASE_MB = 48

export interface Watched {
  memoryBytes(): number | null
  limitMb: number
  exceeded(usedMb: number): void
}

export interface MemoryWatch {
  /** Watches until the undo is called or the limit is passed. */
  add(watched: Watched): () => void
}

/** One timer for all guests; none runs while there is no guest. */
export function createMemoryWatch(clock: Clock): MemoryWatch {
  const all = new Set<Watched>()
  let scheduled = false

  function schedule(): void {
    if (scheduled || all.size === 0) return
    scheduled = true
    clock.after(WATCH_INTERVAL_MS, () => {
      scheduled = false
      for (const watched of all) look(watched)
      schedule()
    })
  }

  function look(watched: Watched): void {
    const bytes = watched.memoryBytes()
    if (bytes === null || bytes <= (watched.limitMb + NODE_BASE_MB) * 1_048_576) return
    all.delete(watched)
    watched.exceeded(Math.round(bytes / 1_048_576))
  }

  return {
    add(watched) {
      all.add(watched)
      schedule()
      return () => all.delete(watched)
    },
  }
}
