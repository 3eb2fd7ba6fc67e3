// How often a thing may be done: a number at once, and so many a second after that.

export interface Rate {
  burst: number
  perSecond: number
}

/** Each call of the answer takes one token; false where there is none. Starts full. */
export function createTokenBucket({ burst, perSecond }: Rate, now: () => number): () => boolean {
  let tokens = burst
  let filledAt = now()
  return () => {
    const at = now()
    // A clock that was set back must not take tokens away.
    tokens = Math.min(burst, tokens + (Math.max(0, at - filledAt) * perSecond) / 1_000)
    filledAt = at
    if (tokens < 1) return false
    tokens -= 1
    return true
  }
}
