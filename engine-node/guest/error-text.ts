// Whatever a plugin throws, as text: it may be anything, and asking it for its own text may throw as well.

/** Longest text taken from a plugin's error. */
const MAX_TEXT = 2_000

export function errorText(thrown: unknown): string {
  try {
    const text = thrown instanceof Error ? thrown.message || thrown.name : String(thrown)
    return String(text).slice(0, MAX_TEXT)
  } catch {
    // Nothing to report but that there is nothing readable.
    return 'An error that cannot be read'
  }
}

/** The same with the stack, for the plugin's own log: its paths are those of the sandbox. */
export function errorStack(thrown: unknown): string {
  try {
    if (thrown instanceof Error && typeof thrown.stack === 'string') return thrown.stack
  } catch {
    // A stack getter that throws: the text has to do.
  }
  return errorText(thrown)
}
