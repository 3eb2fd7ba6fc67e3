// Which of a plugin's `pattern`s the server runs. JavaScript cannot stop a regular expression that backtracks, so only
// those are compiled whose worst case is small by their shape; any other stays a hint for the form, as all are in OpenWA.

/** Longer ones are not forms' patterns. */
const MAX_PATTERN = 256

/** Longest value that a pattern is run on; with the bounds below some 30 million steps at worst, a tenth of a second. */
const MAX_VALUE = 128

/** Open-ended repeats: each multiplies the steps by the length of the value. An unanchored pattern is one repeat more. */
const MAX_REPEATS = 3

/** Places that are taken or not, and alternatives: each doubles the steps. */
const MAX_CHOICES = 4

/** A `{n,m}` up to this m is cheap enough to be no repeat. */
const SMALL_COUNT = 1

/**
 * True when the pattern has only literals, classes, groups that repeat at most once, and few repeats and choices. No
 * backreferences, no lookarounds, no repeated groups: those are what makes a match take time without end.
 */
export function isSafePattern(pattern: string): boolean {
  if (pattern.length > MAX_PATTERN) return false
  let repeats = pattern.startsWith('^') ? 0 : 1
  let choices = 0
  // Classes and escapes are one place each; what is left of them cannot be taken for syntax.
  const places = pattern.replace(/\\k|\\[1-9]/g, '(?!').replace(/\\.|\[(?:\\.|[^\]\\])*\]/g, 'x')
  if (/\(\?[^:]/.test(places) || /\)[*+{]/.test(places)) return false
  for (const [token, upTo] of places.matchAll(/[*+]\??|\{\d+(,\d*)?\}\??|(?<![(])\?|\|/g)) {
    if (token.startsWith('|') || token === '?') choices += 1
    else if (token.startsWith('{'))
      repeats += upTo === undefined || Number(upTo.slice(1) || 99) <= SMALL_COUNT ? 0 : 1
    else repeats += 1
  }
  return repeats <= MAX_REPEATS && choices <= MAX_CHOICES && isRegExp(pattern)
}

/** False only for a value that a safe pattern refuses. */
export function mayMatch(pattern: string, value: string): boolean {
  return value.length > MAX_VALUE || !isSafePattern(pattern) || new RegExp(pattern).test(value)
}

function isRegExp(pattern: string): boolean {
  try {
    return new RegExp(pattern) instanceof RegExp
  } catch {
    return false
  }
}
