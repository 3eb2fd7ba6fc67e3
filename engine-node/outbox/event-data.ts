// The data of events that were recorded a moment ago, so that deliveries need not read it back, once for each webhook. An event
// never changes, and a delivery refers to none that was not committed; so what is here is what the log has.

/** Characters kept, the oldest leave first: some seconds of a busy gateway. */
const MAX_LENGTH = 2 * 1024 * 1024

export interface EventData {
  /** JSON; undefined where it must be read. */
  get(eventId: string): string | undefined
  put(eventId: string, data: string): void
}

export function createEventData(maxLength: number = MAX_LENGTH): EventData {
  const kept = new Map<string, string>()
  let length = 0
  return {
    get: eventId => kept.get(eventId),
    put(eventId, data) {
      if (kept.has(eventId)) return
      kept.set(eventId, data)
      length += data.length
      for (const [oldest, { length: less }] of kept) {
        if (length <= maxLength) return
        kept.delete(oldest)
        length -= less
      }
    },
  }
}
