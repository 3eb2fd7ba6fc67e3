// When a plugin that crashed is started again, and when that ends: pure, so that it can be read as a table.

/** The first wait; each crash in a row doubles it. */
const FIRST_DELAY_MS = 1_000
const LONGEST_DELAY_MS = 5 * 60_000

/** A plugin that crashes this often within the window stays off: it would only burn the machine. */
export const MAX_CRASHES = 5
export const CRASH_WINDOW_MS = 10 * 60_000

export type RestartVerdict = { restart: true; delayMs: number } | { restart: false; why: string }

/** `crashes`: when the plugin crashed, the newest last, that being the one to decide on. */
export function judgeCrash(crashes: readonly number[]): RestartVerdict {
  const why = switchedOff(crashes, crashes.at(-1) ?? 0)
  if (why !== null) return { restart: false, why }
  return { restart: true, delayMs: Math.min(FIRST_DELAY_MS * 2 ** (streakOf(crashes) - 1), LONGEST_DELAY_MS) }
}

/** Why a plugin with these crashes stays off at this hour; null where it may run. */
export function switchedOff(crashes: readonly number[], now: number): string | null {
  const recent = crashes.filter(at => at > now - CRASH_WINDOW_MS)
  if (recent.length < MAX_CRASHES) return null
  return `switched off after ${recent.length} crashes in ${CRASH_WINDOW_MS / 60_000} minutes`
}

/** Crashes in a row: those with less than a window of quiet between them. */
function streakOf(crashes: readonly number[]): number {
  let streak = 1
  for (let index = crashes.length - 1; index > 0; index -= 1) {
    if (crashes[index]! - crashes[index - 1]! >= CRASH_WINDOW_MS) break
    streak += 1
  }
  return streak
}

/** More than the delay can grow by need not be remembered. */
export const REMEMBERED_CRASHES = 16
