// libsignal prints whole sessions, private keys among them, to the console. This keeps those lines, and only those, out.

/** How its lines begin. */
const SIGNAL_LINES = [
  'Closing session',
  'Opening session',
  'Removing old closed session',
  'Session already',
  'Closing open session in favor of',
  'Decrypted message with closed session',
  'Failed to decrypt message with any known session',
  'Session error:',
]

const METHODS = ['info', 'warn', 'error'] as const

/** Silences libsignal on this console until the returned undo is called. */
export function quietSignal(target: Pick<Console, (typeof METHODS)[number]> = console): () => void {
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
