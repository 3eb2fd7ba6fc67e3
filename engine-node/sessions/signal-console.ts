// Keeps what libsignal prints out of the log: it writes whole sessions to the console, private keys among them.

/** How its lines begin (libsignal's session_record.js, session_builder.js and session_cipher.js). */
const SIGNAL_LINES = [
  'Closing session',
  'Opening session',
  'Removing old closed session',
  'Migrating session to',
  'Session already',
  'Closing open session in favor of',
  'Decrypted message with closed session',
  'Failed to decrypt message with any known session',
  'Session error:',
]

const METHODS = ['log', 'info', 'warn', 'error'] as const

/** To be called once by the composition, before the first socket. All other lines pass. Returns the undo. */
export function silenceSignalConsole(target: Pick<Console, (typeof METHODS)[number]> = console): () => void {
  const originals = METHODS.map(method => [method, target[method]] as const)
  for (const [method, original] of originals) {
    target[method] = (...words: unknown[]) => {
      const [first] = words
      if (typeof first === 'string' && SIGNAL_LINES.some(line => first.startsWith(line))) return
      original.apply(target, words)
    }
  }
  return () => {
    for (const [method, original] of originals) target[method] = original
  }
}
