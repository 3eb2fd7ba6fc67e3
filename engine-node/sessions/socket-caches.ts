// What Baileys remembers of one connection, each part bounded in number and time: its own caches grow without end.
import { createBoundedCache } from './bounded-cache.ts'

/** By the names of Baileys' settings. `elapsed` in milliseconds, which no change of the hour moves. */
export function createSocketCaches(elapsed: () => number) {
  const cache = (max: number, minutes: number) =>
    createBoundedCache({ max, ttlMs: minutes * 60_000, now: elapsed })
  return {
    msgRetryCounterCache: cache(10_000, 60),
    userDevicesCache: cache(10_000, 5),
    callOfferCache: cache(1_000, 5),
    placeholderResendCache: cache(1_000, 60),
    mediaCache: cache(100, 60),
  }
}
