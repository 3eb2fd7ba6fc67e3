// How much a plugin may write into the log, applied in the guest out of courtesy and in the host because guests lie.

/** Lines per window (plugin contract, section 8). A log flood would fill the operator's disk (attack 49). */
export const LOG_LINES = 200
export const LOG_WINDOW_MS = 10_000

/** Characters of one line; the rest is cut and marked. */
export const LOG_LINE_CHARS = 8_192
const CUT_MARK = '… [cut]'

export const cutLine = (line: string): string =>
  line.length <= LOG_LINE_CHARS ? line : `${line.slice(0, LOG_LINE_CHARS)}${CUT_MARK}`

export interface LineBudget {
  /** The line, cut to its bound; null when it may not be written, which is counted. */
  take(line: string): string | null
  /** How many were dropped since the last question. */
  takeDropped(): number
}

export function createLineBudget(now: () => number): LineBudget {
  let windowStart = now()
  let left = LOG_LINES
  let dropped = 0
  return {
    take(line) {
      const at = now()
      if (at - windowStart >= LOG_WINDOW_MS) {
        windowStart = at
        left = LOG_LINES
      }
      if (left === 0) {
        dropped += 1
        return null
      }
      left -= 1
      return cutLine(line)
    },
    takeDropped() {
      const count = dropped
      dropped = 0
      return count
    },
  }
}
