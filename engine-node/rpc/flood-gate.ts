// Counts what a guest sends unasked (calls, events, withdrawals). Answers to the host's own calls are bounded by those calls.

/** Frames that may come at once: some 100 ms of the host's time, the longest that a flood may keep it busy (attack 36). */
export const UNASKED_BURST = 20_000

/** And how many of them every second after that: more than the host's capabilities could answer. */
export const UNASKED_PER_SECOND = 20_000

/** Each call of the answer counts one frame; true once there are more than a plugin can have use for. */
export function createFloodGate(now: () => number): () => boolean {
  let left = UNASKED_BURST
  let filledAt = now()
  return () => {
    left -= 1
    if (left >= 0) return false
    const at = now()
    left = Math.min(UNASKED_BURST, ((at - filledAt) * UNASKED_PER_SECOND) / 1_000) - 1
    filledAt = at
    return left < 0
  }
}
